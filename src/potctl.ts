import type { Audit } from './audit/open.js';
import type { Backup } from './backup/open.js';
import type { Configuration } from './config/open.js';
import type { Settings } from './config/settings.js';
import type { Demo } from './demo/open.js';
import type { Doctor } from './doctor/open.js';
import type { Grants } from './grants/open.js';
import { type About, readAbout } from './host/about.js';
import { type Base, openBase } from './host/base.js';
import { completeHost, type Host, type HostOptions } from './host/host.js';
import { once } from './kernel/once.js';
import type { Mfa } from './mfa/open.js';
import type { Restore } from './restore/open.js';
import type { Setup } from './setup/open.js';

/** Everything that potctl can do. Each domain is opened when it is first used. */
export interface Potctl {
  readonly host: Host;
  /** This program, its runtime, and the pg_dump that it would use. */
  about(): Promise<About>;
  audit(): Promise<Audit>;
  backup(): Promise<Backup>;
  config(): Promise<Configuration>;
  demo(): Promise<Demo>;
  doctor(): Promise<Doctor>;
  grants(): Promise<Grants>;
  mfa(): Promise<Mfa>;
  restore(): Promise<Restore>;
  setup(): Promise<Setup>;
  /** The settings that everything uses. @throws E_CONFIG, E_PROFILE_NOT_FOUND */
  settings(): Promise<Settings>;
  /** The settings, if they have been loaded. */
  known(): Settings | undefined;
  /** Closes connections; never rejects. */
  close(): Promise<void>;
}

/**
 * Opens potctl. Commands, tests and other programs all enter here, and nothing else picks implementations.
 *
 * @example
 * const potctl = openPotctl({ environment: process.env, flags: { database: 'app', repository: '/var/backups/potctl' } });
 * const backup = await (await potctl.backup()).create({});
 * const { id } = await backup.apply();
 * await potctl.close();
 */
export function openPotctl(given: HostOptions): Potctl {
  const base = openBase(completeHost(given), async (...folder) => {
    const { openOldBackups } = await import('./backup/imported/open-old-folder.js');
    return openOldBackups(...folder);
  });
  return openOn(base);
}

/** The same on a base that already exists, such as one with a server that fails. */
export function openOn(base: Base): Potctl {
  const { host } = base;
  const backups = once(async () => (await import('./backup/open.js')).openBackup(base));
  const demo = once(async () => (await import('./demo/open.js')).openDemo(base));
  return {
    host,
    backup: async () => (await backups()).backup,
    audit: once(async () => (await import('./audit/open.js')).openAudit(base)),
    config: once(async () => (await import('./config/open.js')).openConfiguration(host.settings)),
    demo,
    doctor: once(async () => (await import('./doctor/open.js')).openDoctor(base)),
    grants: once(async () => (await import('./grants/open.js')).openGrants(base)),
    mfa: once(async () => {
      const { openMfa } = await import('./mfa/open.js');
      return openMfa(base, async (name, note) => (await demo()).throwAway(name, note));
    }),
    restore: once(async () => (await import('./restore/open.js')).openRestore(base, (await backups()).ports)),
    setup: once(async () => (await import('./setup/open.js')).openSetup(base)),
    settings: base.settings,
    known: base.known,
    about: () => readAbout(host),
    close: base.close,
  };
}
