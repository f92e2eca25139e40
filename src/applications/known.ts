import type { ApplicationName } from '../config/application-names.js';
import { threeDPot } from './3dpot.js';
import type { Adapter } from './application.js';
import { evo } from './evo.js';
import { native } from './native.js';
import { viu } from './viu.js';

const BY_NAME: Readonly<Record<ApplicationName, Adapter>> = { '3dpot': threeDPot, viu, evo, native };

/** The applications that potctl knows by itself. Whoever uses it as a library may look for others besides. */
export const APPLICATIONS: readonly Adapter[] = Object.values(BY_NAME);
