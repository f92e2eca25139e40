/** potctl as a library: what the commands call, without a terminal. Values go in, values come out; nothing is read from the process. */

export type { Audit } from './audit/open.js';
export type { CreatePlan } from './backup/create.js';
export type { CreateOptions, CreateResult } from './backup/create-request.js';
export type { ImportOptions, ImportResult } from './backup/imported/import.js';
export type { Listing } from './backup/listing.js';
export type { Backup, PruneOptions, Reference } from './backup/open.js';
export type { PruneResult } from './backup/prune.js';
export type { PrunePlan } from './backup/prune-plan.js';
export type { ShownBackup } from './backup/show.js';
export type { VerifyReport } from './backup/verify.js';
export type { Configuration } from './config/open.js';
export type { SettingsFlags } from './config/request.js';
export type { Settings } from './config/settings.js';
export type { Demo } from './demo/open.js';

export type { Doctor } from './doctor/open.js';
export type { Grants } from './grants/open.js';
export type { Host, HostOptions, Listener, Who } from './host/host.js';
export type { Check } from './kernel/check.js';
export { type Clock, systemClock } from './kernel/clock.js';
export { ERROR_CATALOG, type ErrorCode, ExitCode } from './kernel/error-catalog.js';
export { type Changed, PotctlError } from './kernel/errors.js';
export type { Prepared } from './kernel/prepared.js';
export { type Progress, type ProgressEvent, silent } from './kernel/progress.js';
export { Secret } from './kernel/secret.js';
export { openPotctl, type Potctl } from './potctl.js';
export type { FilesOptions, FilesRestored } from './restore/files/request.js';
export type { ListedRun } from './restore/list.js';
export type { Restore, RunOptions } from './restore/open.js';
export type { RestorePlan } from './restore/plan/plan.js';
export type { UndoPlan } from './restore/plan/prepare-undo.js';
export type { UndoOptions } from './restore/requests.js';
export type { RestoreResult } from './restore/run.js';
export type { TablesPlan } from './restore/tables/plan.js';
export type { TablesResult } from './restore/tables/run.js';
export type { UndoResult } from './restore/undo.js';
export type { Setup, SetupOptions } from './setup/open.js';
