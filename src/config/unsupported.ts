import { PotctlError } from '../kernel/errors.js';
import { isProtected } from './guards.js';
import type { ChosenProfile } from './profile.js';
import type { Profile } from './schema.js';

/** A feature that a profile may ask for and that this version does not support yet. */
interface MissingFeature {
  readonly key: readonly string[];
  /** Commands that would silently leave it out and are therefore refused; it does not matter to others. */
  readonly refused: readonly string[];
  /** Commands that continue, with a warning on stderr. */
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
    problem: "the engine 'incremental' is not supported yet",
    instead: "set `engine: archive` in the profile's files",
  },
  {
    key: ['encryption', 'recipients'],
    refused: ['backup create'],
    warned: [],
    asked: ({ encryption }) => encryption?.recipients !== undefined,
    problem: 'encryption is not supported yet, and the profile requires encrypted backups',
    instead: 'remove `encryption` from the profile, and store the repository on an encrypted disk',
  },
  {
    key: ['guards'],
    refused: ['restore run', 'restore undo', 'restore files'],
    warned: [],
    asked: ({ guards }) => guards?.reason === 'required' || guards?.ticket !== undefined,
    problem: 'guards (reason, ticket) are not supported yet by this command, and the profile requires them',
    instead:
      'remove the guard from the profile for this restore; `expect` and `--confirm NAME` still protect the target',
  },
  {
    key: ['notify'],
    refused: [],
    warned: ['backup create', 'restore run'],
    asked: ({ notify }) => notify !== undefined && Object.keys(notify).length > 0,
    // So far notify.email is used by `support` only: a backup or a restore notifies nobody.
    problem: 'notify is not supported by this command yet: nobody will be notified',
    instead: 'let cron or systemd (OnFailure=) check the exit code',
  },
];

/** What a profile refuses or lacks; checked once the use case is known. */
export interface Refusals {
  readonly profile: string | null;
  /** Changes that the profile protects, such as `restore` or `backup.prune`, and where it does so. */
  readonly protected: { readonly names: readonly string[]; readonly from: string };
  /** What the profile asks for and this version does not support. */
  readonly missing: readonly AskedFeature[];
}

/** `from`: where the profile asks for it. */
type AskedFeature = Pick<MissingFeature, 'refused' | 'warned' | 'problem' | 'instead'> & { readonly from: string };

/** Finds what a profile protects and what it asks for in vain. */
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
 * Refuses a change that the profile protects, for use cases without `--break-glass`.
 *
 * @param command the change as typed, e.g. `backup prune`
 * @throws PotctlError E_CONFIG
 */
export function refuseProtected({ profile, protected: { names, from } }: Refusals, command: string): void {
  if (!isProtected(names, command)) return;
  throw new PotctlError('E_CONFIG', `\`${command}\` is protected by the profile '${profile}'`, {
    why: { problem: 'the profile protects this command', from },
    fix: ['Remove it from `guards.protected` for this one change, and put it back afterwards.'],
  });
}

/**
 * Refuses a use case if the profile asks for a feature that this version does not support.
 *
 * @param command the use case as typed, e.g. `backup create`
 * @returns a warning for each missing feature that does no harm
 * @throws PotctlError E_CONFIG naming the key and what works instead
 */
export function refuseMissingFeatures({ profile, missing }: Refusals, command: string): string[] {
  const blocking = missing.find(({ refused }) => refused.includes(command));
  if (blocking !== undefined)
    throw new PotctlError('E_CONFIG', `\`${command}\` does not support what the profile '${profile}' asks for`, {
      why: { problem: blocking.problem, from: blocking.from },
      fix: [blocking.instead],
    });
  return missing
    .filter(({ warned }) => warned.includes(command))
    .map(({ problem, instead, from }) => `${problem} (${from}); ${instead}`);
}
