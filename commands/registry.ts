import { auditVerify } from './audit/verify.js';
import { backupCreate } from './backup/create.js';
import { backupImport } from './backup/import.js';
import { backupList } from './backup/list.js';
import { backupPin } from './backup/pin.js';
import { backupPrune } from './backup/prune.js';
import { backupShow } from './backup/show.js';
import { backupUnpin } from './backup/unpin.js';
import { backupVerify } from './backup/verify.js';
import type { AnyCommand } from './command.js';
import { configInit } from './config/init.js';
import { configPath } from './config/path.js';
import { configSchema } from './config/schema.js';
import { configShow } from './config/show.js';
import { configValidate } from './config/validate.js';
import { grantsSqlCommand } from './grants/sql.js';
import { mfaCheck } from './mfa/check.js';
import { mfaCodes } from './mfa/codes.js';
import { mfaConfirm } from './mfa/confirm.js';
import { mfaDisable } from './mfa/disable.js';
import { mfaEnroll } from './mfa/enroll.js';
import { mfaExplain } from './mfa/explain.js';
import { mfaList } from './mfa/list.js';
import { mfaReset } from './mfa/reset.js';
import { mfaRotate } from './mfa/rotate.js';
import { mfaStats } from './mfa/stats.js';
import { mfaStatus } from './mfa/status.js';
import { mfaUnlock } from './mfa/unlock.js';
import { mfaVerify } from './mfa/verify.js';
import { restoreFiles } from './restore/files.js';
import { restoreList } from './restore/list.js';
import { restorePlan } from './restore/plan.js';
import { restoreRun } from './restore/run.js';
import { restoreUndo } from './restore/undo.js';
import { completionOf } from './top/completion.js';
import { demo } from './top/demo.js';
import { doctor } from './top/doctor.js';
import { explain } from './top/explain.js';
import { history } from './top/history.js';
import { setup } from './top/setup.js';
import { support } from './top/support.js';
import { version } from './top/version.js';

/**
 * All commands, in the order of the help. A command's file imports only light modules. Expensive ones are imported inside `run` and
 * `prepare`, so that `--help` does not load them.
 */
export const commands: readonly AnyCommand[] = [
  demo,
  backupCreate,
  backupList,
  backupShow,
  backupVerify,
  backupImport,
  backupPrune,
  backupPin,
  backupUnpin,
  restorePlan,
  restoreRun,
  restoreFiles,
  restoreUndo,
  restoreList,
  mfaStatus,
  mfaList,
  mfaStats,
  mfaEnroll,
  mfaConfirm,
  mfaVerify,
  mfaCodes,
  mfaReset,
  mfaDisable,
  mfaUnlock,
  mfaRotate,
  mfaExplain,
  mfaCheck,
  grantsSqlCommand,
  auditVerify,
  configInit,
  configShow,
  configPath,
  configValidate,
  configSchema,
  support,
  setup,
  history,
  doctor,
  explain,
  version,
  completionOf(() => commands),
];
