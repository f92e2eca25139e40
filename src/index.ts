/** potctl as a library: what the commands call, without a terminal. Values go in, values come out; nothing is read from the process. */

export { type Adapter, type Application, adapter } from './applications/application.js';
export { APPLICATIONS } from './applications/known.js';
export type { CreateResult } from './backup/create-request.js';
export type { Backup, Reference } from './backup/open.js';
export type { SettingsFlags } from './config/request.js';
export type { Settings } from './config/settings.js';
export type { Host, HostOptions, Listener, Who } from './host/host.js';
export { type Clock, systemClock } from './kernel/clock.js';
export { ERROR_CATALOG, type ErrorCode, ExitCode } from './kernel/error-catalog.js';
export { type Changed, PotctlError } from './kernel/errors.js';
export type { Prepared } from './kernel/prepared.js';
export { type Progress, type ProgressEvent, silent } from './kernel/progress.js';
export { Secret } from './kernel/secret.js';
export type { Delivery, SecretPlace } from './mfa/delivery.js';
export type { Mfa } from './mfa/open.js';
export { openPotctl, type Potctl } from './potctl.js';
export type { Restore } from './restore/open.js';
