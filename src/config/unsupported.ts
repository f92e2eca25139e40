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

/** What a profile refuses, or does without: it is judged when a use case is known. */
export interface Refusals {
  readonly profile: string | null;
  /** Changes that the profile protects, such as `restore` or `backup.prune`, and where it says so. */
  readonly protected: { readonly names: readonly string[]; readonly from: string };
  /** What the profile asks for and this version cannot do. */
  readonly missing: readonly AskedFeature[];
}

/** `from`: where the profile asks for it. */
type AskedFeature = Pick<MissingFeature, 'refused' | 'warned' | 'problem' | 'instead'> & { readonly from: string };

/** Looks through a profile for what it protects and what this version cannot do. */
export function findRefusals({ values, name, where }: ChosenProfile): Refusals {
  return {
    profile: name,
    protected: { names: values.guards?.protected ?? [], from: where('guards', 'protected') },
    missing: MISSING.filter(({ asked }) => asked(values)).map(({ key, refused, warned, problem, instead }) => ({
      ...{ refused, warned, problem, instead },
      from: where(...key),
    })),
  };
}

/**
 * Refuses a change that the profile protects, where it cannot ask for `--break-glass` itself.
 *
 * @param command the change as it is typed, e.g. `backup prune`
 * @throws PotctlError E_CONFIG
 */
export function refuseProtected({ profile, protected: { names, from } }: Refusals, command: string): void {
  if (!isProtected(names, command)) return;
  throw new PotctlError('E_CONFIG', `\`${command}\` is protected by the profile '${profile}'`, {
    why: { problem: 'the profile protects this command', from },
    fix: ['Take it out of `guards.protected` for this one change, and put it back afterwards.'],
  });
}

/**
 * Refuses a use case for which the profile asks what this version cannot do.
 *
 * @param command the use case as it is typed, e.g. `backup create`
 * @returns a warning for each thing that is left out without harm
 * @throws PotctlError E_CONFIG naming the key and what works instead
 */
export function refuseMissingFeatures({ profile, missing }: Refusals, command: string): string[] {
  const blocking = missing.find(({ refused }) => refused.includes(command));
  if (blocking !== undefined)
    throw new PotctlError('E_CONFIG', `\`${command}\` cannot do what the profile '${profile}' asks for`, {
      why: { problem: blocking.problem, from: blocking.from },
      fix: [blocking.instead],
    });
  return missing
    .filter(({ warned }) => warned.includes(command))
    .map(({ problem, instead, from }) => `${problem} (${from}); ${instead}`);
}
