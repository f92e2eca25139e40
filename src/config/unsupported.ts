import { PotctlError } from '../kernel/errors.js';
import { isProtected } from './guards.js';
import type { ChosenProfile } from './profile.js';
import type { Profile } from './schema.js';

/** Something that a profile may ask for and that this version cannot do yet. */
interface MissingFeature {
  readonly key: readonly string[];
  /** Commands that would leave it out in silence and are therefore refused; for the others it is of no matter. */
  readonly refused: readonly string[];
  /** Commands that go on, with a line on stderr. */
  readonly warned: readonly string[];
  asked(profile: Profile): boolean;
  readonly problem: string;
  /** What works instead. */
  readonly instead: string;
}

const MISSING: readonly MissingFeature[] = [
  {
    key: ['files', 'engine'],
    refused: ['backup create'],
    warned: [],
    asked: ({ files }) => files?.engine === 'incremental',
    problem: "the engine 'incremental' is not built yet",
    instead: "set `engine: archive` in the profile's files",
  },
  {
    key: ['encryption', 'recipients'],
    refused: ['backup create'],
    warned: [],
    asked: ({ encryption }) => encryption?.recipients !== undefined,
    problem: 'encryption is not built yet, and an unencrypted backup is not what the profile asks for',
    instead: 'take `encryption` out of the profile, and keep the repository on an encrypted disk',
  },
  {
    key: ['guards'],
    refused: ['restore run', 'restore undo', 'restore files'],
    warned: [],
    asked: ({ guards }) => guards?.reason === 'required' || guards?.ticket !== undefined,
    problem: 'guards (reason, ticket) are not built yet for this command, and the profile guards it',
    instead:
      'take the guard out of the profile for this restore; `expect` and `--confirm NAME` still protect the target',
  },
  {
    key: ['notify'],
    refused: [],
    warned: ['backup create', 'restore run'],
    asked: ({ notify }) => notify !== undefined && Object.keys(notify).length > 0,
    // notify.email serves `support` alone, so far: a backup or a restore still tells nobody.
    problem: 'notify is not built for this command yet: nobody will be told',
    instead: 'let cron or systemd (OnFailure=) look at the exit code',
  },
];

/**
 * Refuses a command that changes something and that the profile protects, where it cannot ask for `--break-glass` itself.
 *
 * @throws PotctlError E_CONFIG
 */
export function refuseProtected(command: string | undefined, { values, name, where }: ChosenProfile): void {
  const list = values.guards?.protected ?? [];
  // These know whom they change: they judge it themselves, and note in the journal what was let through.
  if (command === undefined || command.startsWith('mfa ') || !isProtected(list, command)) return;
  throw new PotctlError('E_CONFIG', `\`${command}\` is protected by the profile '${name}'`, {
    why: { problem: 'the profile protects this command', from: where('guards', 'protected') },
    fix: ['Take it out of `guards.protected` for this one change, and put it back afterwards.'],
  });
}

/**
 * Refuses a command for which the profile asks what this version cannot do.
 *
 * @returns a warning for each thing that is left out without harm
 * @throws PotctlError E_CONFIG naming the key and what works instead
 */
export function refuseMissingFeatures(command: string | undefined, profile: ChosenProfile): string[] {
  if (command === undefined) return [];
  const asked = MISSING.filter((feature) => feature.asked(profile.values));
  const blocking = asked.find((feature) => feature.refused.includes(command));
  if (blocking !== undefined)
    throw new PotctlError('E_CONFIG', `\`${command}\` cannot do what the profile '${profile.name}' asks for`, {
      why: { problem: blocking.problem, from: profile.where(...blocking.key) },
      fix: [blocking.instead],
    });
  return asked
    .filter((feature) => feature.warned.includes(command))
    .map(({ problem, instead, key }) => `${problem} (${profile.where(...key)}); ${instead}`);
}
