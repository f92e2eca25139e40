import type { ConnectionSettings } from '../config/libpq/settings.js';

/** One connection. Values are passed only as `$n` parameters; int8 and numeric arrive as strings, timestamps as text (cast in SQL). */
export interface Session {
  readonly pid: number;
  /** server_version_num, e.g. 150018. */
  readonly versionNum: number;
  /**
   * The existing schemas of the search_path that role, database and settings define, in order. Names in this session do not resolve
   * there: every session of potctl uses `pg_catalog, pg_temp` and qualifies all other names.
   */
  readonly roleSearchPath: readonly string[];
  /** Several statements in one call are allowed only without values. @throws PotctlError E_DB_* with the SQLSTATE in `why` */
  query<Row extends object = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /**
   * The rows of one statement in batches, by `copy … to stdout`: a third of the cost of parsed values, with constant memory. Also accepts
   * `copy table to stdout`, which needs no query plan. The statement takes no values; cells are text as the server prints it. The session
   * can do nothing else meanwhile.
   */
  stream(sql: string): AsyncGenerator<(string | null)[][]>;
  /** `copy … from stdin` with a text; the data does not appear in the server's log. @throws like query */
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

/** The server that a command works on: sessions of the driver, and argv and environment of the PostgreSQL tools, from the same settings. */
export interface Server {
  readonly settings: ConnectionSettings;
  session(options: SessionOptions): Promise<Session>;
  /** A session on `postgres`, or on `template1`: for work that is impossible from inside the database (swap, create, locks). */
  maintenanceSession(purpose: string): Promise<Session>;
  /** Path and version of the newest tool whose major version is ≥ the server's. @throws E_TOOL_MISSING, E_TOOL_OLD */
  tool(name: ToolName): Promise<{ readonly path: string; readonly version: string; readonly major: number }>;
  /**
   * Runs a tool against this server with libpq's environment and a temporary 0600 passfile: no secret in argv or environment.
   * @throws E_TOOL_FAILED with the last stderr lines; E_DB_* or E_NO_SPACE if stderr shows that cause
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
  /** Without it, stdout is discarded. */
  readonly onStdoutLine?: (line: string) => void;
  readonly environment?: Readonly<Record<string, string>>;
  /** Writes the tool's stdin; without it, stdin is empty. If it throws, the tool is killed and the error is rethrown. */
  readonly feed?: (write: (bytes: Buffer) => Promise<void>) => Promise<void>;
}

/** How a server is opened. */
export interface OpenOptions {
  /** PATH and the like for the PostgreSQL tools; HOME for ~/.postgresql. PG* variables are ignored. */
  readonly environment: Readonly<Record<string, string>>;
  /** A private directory for the passfile, created if missing. */
  readonly runtimeDirectory: string;
  /** Cancels the running statements, and all later statements of the sessions open at that time. Sessions opened later work: for cleanup. */
  readonly signal: AbortSignal;
  /** Where the PostgreSQL tools are searched for, instead of the known directories and PATH. */
  readonly toolDirectories?: readonly string[];
  /** Receives each statement before it is sent, without its values. */
  readonly onDebug?: (statement: string) => void;
}
