import type { ApplicationName } from '../config/application-names.js';
import { threeDPot } from './3dpot.js';
import type { Adapter } from './application.js';
import { evo } from './evo.js';
import { native } from './native.js';
import { viu } from './viu.js';

const BY_NAME: Readonly<Record<ApplicationName, Adapter>> = { '3dpot': threeDPot, viu, evo, native };

/** The built-in applications. Users of the library can add others. */
export const APPLICATIONS: readonly Adapter[] = Object.values(BY_NAME);
