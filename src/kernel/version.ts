import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from './assets.js';

declare const POTCTL_VERSION: string;

/** The version of this program: set by the build, otherwise read from package.json. */
export function toolVersion(): string {
  if (typeof POTCTL_VERSION === 'string') return POTCTL_VERSION;
  return (JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}
