import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { type Child, startChild } from '../kernel/child.js';
import { redact } from '../kernel/secret.js';
import type { Login } from './login.js';
import { openPassfile } from './passfile.js';
import type { OpenOptions, RunToolOptions, ToolName } from './server.js';
import { toAbortError } from './session.js';
import { TELLING, toToolError } from './tool-errors.js';
import { chooseTool, findTools, type Tool } from './tools.js';

interface RunnerRequest {
  readonly settings: ConnectionSettings;
  readonly login: Login;
  readonly options: Pick<OpenOptions, 'environment' | 'runtimeDirectory' | 'toolDirectories' | 'onDebug'>;
  /** server_version_num of the server, which the tools must support. */
  serverVersion(): Promise<number>;
}

export interface ToolRunner {
  tool(name: ToolName): Promise<Tool>;
  runTool(name: ToolName, args: readonly string[], options: RunToolOptions): Promise<void>;
  close(): Promise<void>;
}

/** Finds and runs the PostgreSQL tools for one server; see Server.tool and Server.runTool for the contract. */
export function openToolRunner({ settings, login, options, serverVersion }: RunnerRequest): ToolRunner {
  const passfile = openPassfile(options.runtimeDirectory);
  const { toolDirectories: directories } = options;
  const search = { environment: withoutPg(options.environment), ...(directories ? { directories } : {}) };
  let found: Promise<Tool[]> | undefined;
  const chosen = new Map<ToolName, Promise<Tool>>();
  const choose = async (name: ToolName) => {
    found ??= findTools(search);
    const [tools, version] = await Promise.all([found, serverVersion()]);
    return chooseTool(name, Math.floor(version / 10_000), tools, search);
  };
  const tool = (name: ToolName) => {
    const choice = chosen.get(name) ?? choose(name);
    chosen.set(name, choice);
    choice.catch(() => {
      chosen.delete(name);
      found = undefined;
    });
    return choice;
  };
  return {
    tool,
    async runTool(name, args, run) {
      const { path: file } = await tool(name);
      const secret = login.known();
      const environment = {
        ...search.environment,
        ...libpqEnvironment(settings, name, run.database),
        // Without a password, a file that does not exist: ~/.pgpass could contradict our settings.
        PGPASSFILE: secret === null ? path.join(options.runtimeDirectory, 'no-pgpass') : await passfile.path(secret),
        ...run.environment,
      };
      options.onDebug?.(redact([file, ...args].join(' ')));
      await runChild(name, file, ['--no-password', ...args], environment, run);
    },
    close: () => passfile.remove(),
  };
}

async function runChild(
  name: ToolName,
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  { signal, onStderrLine, onStdoutLine, feed }: RunToolOptions,
): Promise<void> {
  // Verbose tools write a line per object, which must not push the errors out of the tail.
  const errors: string[] = [];
  const child = startChild(file, args, {
    environment,
    signal,
    stdout: onStdoutLine ? 'pipe' : 'ignore',
    stdin: feed ? 'pipe' : 'ignore',
    onStderrLine: (line) => {
      if (TELLING.test(line) && errors.length < 200) errors.push(line);
      onStderrLine?.(line);
    },
  });
  if (feed) await feedChild(child, feed);
  if (onStdoutLine) for await (const line of createInterface({ input: child.stdout })) onStdoutLine(line);
  const end = await child.ended;
  if (end.canceled || (signal.aborted && !end.ok)) throw toAbortError(signal.reason);
  if (!end.ok) throw toToolError(name, end, errors.length > 0 ? errors : end.stderrTail);
}

/** A tool that ends early closes its pipe: its exit status shows why. */
async function feedChild(child: Child, feed: NonNullable<RunToolOptions['feed']>): Promise<void> {
  const { stdin } = child;
  stdin.on('error', () => {});
  const write = async (bytes: Buffer): Promise<void> => {
    if (stdin.destroyed) throw new BrokenPipe();
    if (!stdin.write(bytes)) await Promise.race([once(stdin, 'drain'), once(stdin, 'close')]).catch(() => {});
  };
  try {
    await feed(write);
    stdin.end();
  } catch (error) {
    if (error instanceof BrokenPipe) return;
    child.kill();
    await child.ended;
    throw error;
  }
}

class BrokenPipe extends Error {}

/** The connection as libpq's variables. Never PGPASSWORD: other processes of the same user can read the environment. */
function libpqEnvironment(settings: ConnectionSettings, tool: ToolName, database: string): Record<string, string> {
  const { host, hostaddr, port, user, sslmode, sslrootcert, sslcert, sslkey, options, connectTimeoutS } = settings;
  const optional = {
    PGHOST: host,
    PGHOSTADDR: hostaddr,
    PGSSLROOTCERT: sslrootcert,
    PGSSLCERT: sslcert,
    PGSSLKEY: sslkey,
    PGOPTIONS: options,
  };
  return {
    ...Object.fromEntries(Object.entries(optional).filter((pair): pair is [string, string] => Boolean(pair[1]))),
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: sslmode,
    PGCONNECT_TIMEOUT: String(connectTimeoutS),
    PGAPPNAME: `potctl:${tool}`,
    // The driver does not support GSS encryption, and driver and tools must connect in the same way.
    PGGSSENCMODE: 'disable',
    LC_ALL: 'C',
  };
}

function withoutPg(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('PG')));
}
