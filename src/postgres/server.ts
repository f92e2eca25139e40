import type { ConnectionSettings } from '../config/libpq/settings.js';

/** One connection. Values go only as `$n` parameters; int8 and numeric arrive as strings, timestamps as text (cast in SQL). */
export interface Session {
  readonly pid: number;
  /** server_version_num, e.g. 150018. */
  readonly versionNum: number;
  /**
   * The schemas that exist in the search_path which role, database and settings give, in their order. Names of this session do not resolve
   * there: every session of potctl sees `pg_catalog, pg_temp`, and names all other schemas.
   */
  readonly roleSearchPath: readonly string[];
  /** Several statements at once are allowed only without values. @throws PotctlError E_DB_* with the SQLSTATE in `why` */
  query<Row extends object = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /**
   * The rows of one statement in batches, by `copy … to stdout`: a third of the work of single values, and memory is flat at any number.
   * Also a whole `copy table to stdout`, which runs without a plan. The statement takes no values; cells are text as the server prints it. The session does nothing else meanwhile.
   */
  stream(sql: string): AsyncGenerator<(string | null)[][]>;
  /** `copy … from stdin` of text: what is sent stands in no log of the server. @throws as query */
  copyIn(sql: string, text: string): Promise<void>;
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Default: the settings' database. */
  readonly database?: string;
  /** application_name becomes `potctl:<purpose>`. */
  readonly purpose: string;
  /** Default 30,000; 0 = none. Applies as statement_timeout. */
  readonly statementTimeoutMs?: number;
}

export type ToolName = 'pg_dump' | 'pg_dumpall' | 'pg_restore' | 'psql';

/** The server that a command works on: sessions for the driver, argv and environment for the PostgreSQL tools, from the same settings. */
export interface Server {
  readonly settings: ConnectionSettings;
  session(options: SessionOptions): Promise<Session>;
  /** A session on `postgres`, else on `template1`: for what cannot be done from inside the database (swap, create, locks). */
  maintenanceSession(purpose: string): Promise<Session>;
  /** Path and version of the newest tool whose major version is ≥ the server's. @throws E_TOOL_MISSING, E_TOOL_OLD */
  tool(name: ToolName): Promise<{ readonly path: string; readonly version: string; readonly major: number }>;
  /**
   * Runs a tool against this server with libpq's environment and a temporary 0600 passfile: no secret in argv or environment.
   * @throws E_TOOL_FAILED with the last stderr lines; E_DB_* where stderr tells; E_NO_SPACE
   */
  runTool(name: ToolName, args: readonly string[], options: RunToolOptions): Promise<void>;
  /** Closes every session and removes the passfile. */
  close(): Promise<void>;
}

export interface RunToolOptions {
  /** PGDATABASE for the tool. */
  readonly database: string;
  readonly signal: AbortSignal;
  readonly onStderrLine?: (line: string) => void;
  /** Without it stdout is thrown away. */
  readonly onStdoutLine?: (line: string) => void;
  readonly environment?: Readonly<Record<string, string>>;
  /** Writes what the tool reads from its stdin; without it that is empty. What it throws ends the tool, and is thrown. */
  readonly feed?: (write: (bytes: Buffer) => Promise<void>) => Promise<void>;
}

/** How a server is opened. */
export interface OpenOptions {
  /** PATH and the like for the PostgreSQL tools; HOME for ~/.postgresql. PG* variables in it are not used. */
  readonly environment: Readonly<Record<string, string>>;
  /** A directory of ours for the passfile, created when missing. */
  readonly runtimeDirectory: string;
  /** Cancels what runs, and every later statement of the sessions that are open then. A session opened afterwards works: for cleaning up. */
  readonly signal: AbortSignal;
  /** Instead of the known directories and PATH: where the PostgreSQL tools are looked for. */
  readonly toolDirectories?: readonly string[];
  /** Each statement before it is sent, without its values. */
  readonly onDebug?: (statement: string) => void;
}
