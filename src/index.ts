/** potctl as a library: what the commands call, without a terminal. Values go in, values come out; nothing is read from the process. */
export { type Clock, systemClock } from './clock.js';
export { loadSettings } from './config/load.js';
export type { SettingsRequest } from './config/request.js';
export type { Settings } from './config/settings.js';
export { ERROR_CATALOG, type ErrorCode, ExitCode } from './error-catalog.js';
export { type Changed, PotctlError } from './errors.js';
export { type HostIdentity, readHostIdentity } from './host-identity.js';
export { openServer } from './postgres/open.js';
export type { Server, Session } from './postgres/server.js';
export { type Progress, type ProgressEvent, silent } from './progress.js';
export { openRepository } from './repository/open.js';
export type { Repository } from './repository/repository.js';
export { Secret } from './secret.js';
