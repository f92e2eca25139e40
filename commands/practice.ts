import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../src/demo/cluster/cluster.js';
import type { DeskDeps } from '../src/mfa/desk/deps.js';
import type { CallerScript, Holding, PracticeScore } from '../src/mfa/desk/practice.js';
import type { Keyring } from '../src/mfa/envelope.js';
import type { Letter } from '../src/notify/mail.js';
import type { Server } from '../src/postgres/server.js';
import type { Context } from './context.js';

/** A desk at which nothing is real. */
export interface Practice {
  readonly deps: DeskDeps;
  /** The newest letter to anybody; nothing leaves this process. */
  letter(): Letter | null;
  /** By user name. */
  readonly held: ReadonlyMap<string, Holding>;
  score(heard: readonly CallerScript[]): Promise<PracticeScore[]>;
  /** Ends the server and removes its folder. */
  close(): Promise<void>;
}

/** A throw-away PostgreSQL with the reference application, potctl's schema and people in it. @throws E_TOOL_MISSING, E_UNFIT */
export async function openPractice(context: Context): Promise<Practice> {
  const { PRACTICE_ROLE } = await import('../src/applications/native-practice.js');
  const { obtainBinaries } = await import('../src/demo/cluster/obtain.js');
  const { startCluster } = await import('../src/demo/cluster/cluster.js');
  const { signal, childEnvironment, settingsRequest, live } = context;
  const { environment } = settingsRequest;
  const binaries = await obtainBinaries({ environment, signal, onNote: (text) => live.note(text) });
  const folder = await mkdtemp(path.join(environment['TMPDIR'] || '/tmp', 'potctl-practice-'));
  const cleanUp: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  };
  try {
    const settings = { fsync: 'off', full_page_writes: 'off' };
    const cluster = await startCluster({
      directory: folder,
      binaries,
      environment: childEnvironment,
      settings,
      signal,
    });
    cleanUp.push(() => cluster.stop());
    const owner = await serverOf(context, folder, cluster, cluster.user);
    const desk = await serverOf(context, folder, cluster, PRACTICE_ROLE);
    cleanUp.push(
      () => owner.close(),
      () => desk.close(),
    );
    return { ...(await furnish(context, owner, desk)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serverOf({ childEnvironment, signal }: Context, folder: string, cluster: Cluster, user: string) {
  const { openServer } = await import('../src/postgres/open.js');
  const plain = { hostaddr: null, sslmode: 'prefer', sslrootcert: null, sslcert: null, sslkey: null } as const;
  const nothing = { password: null, passwordSource: null, options: null, service: null };
  const { host, port } = cluster;
  const settings = { host, port, user, database: 'postgres', connectTimeoutS: 10, ...plain, ...nothing };
  const runtimeDirectory = path.join(folder, 'run');
  return openServer(settings, { environment: childEnvironment, runtimeDirectory, signal });
}

async function furnish(context: Context, owner: Server, desk: Server): Promise<Omit<Practice, 'close'>> {
  const { prepareSetup } = await import('../src/journal/setup.js');
  const { seedPractice, scorePractice } = await import('../src/mfa/desk/practice.js');
  const { operator, runId, traceId } = context;
  const request = { operator, runId, traceId, ticket: null, reason: 'practice at the support desk' };
  const extras = { application: 'native', guardWrites: null } as const;
  await (await prepareSetup(owner, request, extras)).apply();
  const keys = new Map([['practice', new Uint8Array(randomBytes(32))]]);
  const seeding = await owner.session({ purpose: 'practice' });
  const held = await seedPractice(seeding, keys).finally(() => seeding.close());
  const sent: Letter[] = [];
  return {
    held,
    letter: () => sent.at(-1) ?? null,
    async score(heard) {
      const session = await owner.session({ purpose: 'practice' });
      return scorePractice(session, heard).finally(() => session.close());
    },
    deps: await depsOf(context, desk, keys, sent),
  };
}

async function depsOf(context: Context, desk: Server, keys: Keyring, sent: Letter[]): Promise<DeskDeps> {
  const { openApplication } = await import('../src/applications/open.js');
  const { readGuard, readSchemaVersion, readSetupProblem } = await import('../src/journal/installed.js');
  const { appendEntry } = await import('../src/journal/entry.js');
  const { requireMfa } = await import('../src/mfa/supported.js');
  const { clock, operator, osUser, hostname, runId, traceId, tool } = context;
  const actor = { operator, osUser, hostname, runId, traceId, toolVersion: tool.version };
  return {
    clock,
    database: requireMfa(await openApplication(desk, { name: 'native', schema: null }, 'support')),
    journal: { version: readSchemaVersion, append: appendEntry, problem: readSetupProblem, guard: readGuard },
    actor: { ...actor, reason: null, ticket: null, breakGlass: false },
    policy: {
      ...{ profile: 'practice', isProduction: false, profileOnCommandLine: true, ticket: '^SUP-[0-9]+$' },
      ...{ protected: [], requiredForAdmin: false, issuer: 'Practice', codeForm: 'application' },
    },
    keys: async () => keys,
    mail: {
      canReach: (address): address is string => address !== null,
      send: async (letter) => void sent.push(letter),
    },
  };
}
