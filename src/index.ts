/** potctl as a library: what the commands call, without a terminal. Values go in, values come out; nothing is read from the process. */

export { loadSettings } from './config/load.js';
export type { SettingsRequest } from './config/request.js';
export type { Settings } from './config/settings.js';
export { type Clock, systemClock } from './kernel/clock.js';
export { ERROR_CATALOG, type ErrorCode, ExitCode } from './kernel/error-catalog.js';
export { type Changed, PotctlError } from './kernel/errors.js';
export { type HostIdentity, readHostIdentity } from './kernel/host-identity.js';
export type { Advice, Again, NextCommand } from './kernel/next.js';
export { type Progress, type ProgressEvent, silent } from './kernel/progress.js';
export { Secret } from './kernel/secret.js';
export { openServer } from './postgres/open.js';
export type { Server, Session } from './postgres/server.js';
export { openRepository } from './repository/open.js';
export type { Repository } from './repository/repository.js';
