import { randomBytes, randomUUID } from 'node:crypto';
import { insertPerson, makePracticeRole } from '../../applications/native-practice.js';
import type { Session } from '../../postgres/server.js';
import { makeBackupCodes, storedCodes } from '../backup-codes.js';
import { type Keyring, sealSecret } from '../envelope.js';

/** How a scripted caller answers. */
export interface CallerScript {
  /** User name in the practice database. */
  readonly username: string;
  readonly fullName: string;
  readonly opening: string;
  /** Whether the caller can read mail sent to the address on file. */
  readonly readsMail: boolean;
  /** Clock error of the phone in seconds; null = no phone. */
  readonly phoneOffS: number | null;
  /** Whether the caller has a backup code, which does not make the caller the owner. */
  readonly hasCode: boolean;
  readonly words: Readonly<Record<'pressed' | 'mail' | 'backup' | 'callBack' | 'colleague' | 'app', string>>;
  /** The right reaction. */
  readonly right: 'reset' | 'refuse' | 'nothing';
}

/** A caller who lost her phone, an impostor, and a caller whose clock is wrong. */
export const CALLERS: readonly CallerScript[] = [
  {
    ...{
      username: 'ana.souza',
      fullName: 'Ana Souza',
      readsMail: true,
      phoneOffS: null,
      hasCode: false,
      right: 'reset',
    },
    opening: 'Good morning, Ana Souza here. My phone fell into the sea, and I cannot sign in.',
    words: {
      pressed: 'Of course, ask me what you need.',
      mail: 'I have it. The digits are',
      backup: 'They were in my bag, with the phone.',
      callBack: 'You dial the number in your directory. Ana answers, and laughs about the sea.',
      colleague: 'Joao Reis sits next to me. You call him at the number in your directory: he says that it is her.',
      app: 'The phone is gone.',
    },
  },
  {
    ...{
      username: 'bruno.prado',
      fullName: 'Bruno Prado',
      readsMail: false,
      phoneOffS: null,
      hasCode: true,
      right: 'refuse',
    },
    opening: 'Bruno Prado. New phone, and the board meets in five minutes: just reset it, I can tell you my birthday.',
    words: {
      pressed: 'Is that really necessary? I am a director. Your colleague did it right away last time.',
      mail: 'I cannot open my mail either, that is why I am calling. Can you read me the digits?',
      backup: 'Here is the sheet. The first one is',
      callBack: 'You dial the number in your directory. Another man answers: "Bruno Prado. No, I did not call you."',
      colleague: 'Ask Ana, she knows me. You call her at the number in your directory: she did not talk to him today.',
      app: 'I have only the new phone.',
    },
  },
  {
    ...{
      username: 'carla.lima',
      fullName: 'Carla Lima',
      readsMail: true,
      phoneOffS: -150,
      hasCode: false,
      right: 'nothing',
    },
    opening: 'Carla Lima. My code has been refused all morning, but the app is on my phone.',
    words: {
      pressed: 'Of course.',
      mail: 'I have it. The digits are',
      backup: 'They are at home.',
      callBack: 'You dial the number in your directory. Carla answers.',
      colleague: 'Joao Reis can tell you. You call him at the number in your directory: he says that it is her.',
      app: 'It shows',
    },
  },
];

const OTHERS = [['joao.reis', 'Joao Reis']] as const;

/** What a sample user has. */
export interface Holding {
  readonly secret: Uint8Array;
  /** A backup code that works once. */
  readonly code: string;
}

/** Fills the tables of `native` with the callers, whose second factors are a year old, and a colleague. @returns what they have, by user name */
export async function seedPractice(session: Session, keys: Keyring): Promise<ReadonlyMap<string, Holding>> {
  await makePracticeRole(session);
  const held = new Map<string, Holding>();
  const people = [...CALLERS.map(({ username, fullName }) => [username, fullName] as const), ...OTHERS];
  for (const [username, fullName] of people) {
    const [userId, factorId, secret] = [randomUUID(), randomUUID(), randomBytes(20)];
    const [code = ''] = makeBackupCodes('crockford-scrypt');
    const [codeHash] = await storedCodes('crockford-scrypt', [code]);
    held.set(username, { secret, code });
    const sealed = sealSecret(secret, { table: 'mfa_factors', column: 'secret', factorId, userId }, keys);
    await insertPerson(session, { userId, factorId, username, fullName, sealed, codeHash: codeHash! });
  }
  return held;
}

/** The outcome of a practice call. */
export type PracticeOutcome =
  | 'helped'
  | 'not_helped'
  | 'flagged_wrongly'
  | 'taken_over'
  | 'refused'
  | 'refused_and_flagged'
  | 'changed_needlessly'
  | 'left_alone';

const GOOD: readonly PracticeOutcome[] = ['helped', 'refused', 'refused_and_flagged', 'left_alone'];

/** How one call went. */
export interface PracticeScore {
  readonly caller: string;
  readonly right: boolean;
  readonly outcome: PracticeOutcome;
}

/** Scores the calls that were taken, by what the journal says the desk did. */
export async function scorePractice(session: Session, heard: readonly CallerScript[]): Promise<PracticeScore[]> {
  const rows = await session.query<{ username: string; changed: boolean; flagged: boolean }>(
    `select details->>'person' as username,
            bool_or(action in ('mfa.reset', 'mfa.disable', 'mfa.codes') and status = 'done') as changed,
            bool_or(action = 'mfa.flagged') as flagged
       from potctl.journal group by 1`,
  );
  const done = new Map(rows.map((row) => [row.username, row]));
  return heard.map(({ username, fullName, right }) => {
    const { changed, flagged } = done.get(username) ?? { changed: false, flagged: false };
    const outcome = outcomeOf(right, changed, flagged);
    return { caller: fullName, right: GOOD.includes(outcome), outcome };
  });
}

function outcomeOf(right: CallerScript['right'], changed: boolean, flagged: boolean): PracticeOutcome {
  if (right === 'refuse') return changed ? 'taken_over' : flagged ? 'refused_and_flagged' : 'refused';
  if (changed) return right === 'reset' ? 'helped' : 'changed_needlessly';
  if (flagged) return 'flagged_wrongly';
  return right === 'reset' ? 'not_helped' : 'left_alone';
}
