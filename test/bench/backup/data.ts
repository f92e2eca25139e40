import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { sequence } from '../measure.js';
import type { BenchServer } from '../server.js';

export interface Scale {
  readonly users: number;
  readonly auditRows: number;
  readonly securityRows: number;
  readonly files: number;
  /** Of these, one in a hundred is large (1 to 9 MB); the others have up to 50 kB. */
  readonly treeBytes: number;
}

/** About 2.5 GB as a plain dump and over 3 GB in the server; 20,000 files, 1.5 GB. */
export const FULL: Scale = {
  users: 100_000,
  auditRows: 5_000_000,
  securityRows: 500_000,
  files: 20_000,
  treeBytes: 1.5e9,
};
/** For a quick look: its ratios are mostly start-up. */
export const SMALL: Scale = { users: 5_000, auditRows: 200_000, securityRows: 20_000, files: 2_000, treeBytes: 0.15e9 };

/** An application's database: users, an audit log with jsonb, security events, ten indexes. The same for the same scale. */
export async function fillDatabase(server: BenchServer, name: string, scale: Scale): Promise<number> {
  await server.query(`create database ${name}`);
  for (const statement of statements(scale)) await server.query(statement, name);
  const [row] = await server.query<{ bytes: string }>(`select pg_database_size('${name}') as bytes`);
  return Number(row?.bytes);
}

function statements({ users, auditRows, securityRows }: Scale): string[] {
  return [
    'select setseed(0.42)',
    `create table users (id bigint primary key, email text not null unique, full_name text, password_hash text,
       preferences jsonb, created_at timestamptz not null)`,
    `insert into users select g, 'user' || g || '@example.com', 'Person ' || md5(g::text), '$2b$12$' || md5('p' || g) || md5('q' || g),
       jsonb_build_object('theme', (array['dark', 'light'])[1 + g % 2], 'limits', jsonb_build_array(g % 7, g % 11)),
       '2024-01-01'::timestamptz + g * interval '7 minutes' from generate_series(1::bigint, ${users}) g`,
    `create table audit_log (id bigint primary key, user_id bigint not null, action text not null, resource text not null,
       ip inet, before jsonb, after jsonb, trace_id uuid, at timestamptz not null)`,
    `insert into audit_log select g, 1 + (g * 7919) % ${users}, (array['login', 'update', 'delete', 'export', 'view', 'create'])[1 + g % 6],
       'project/' || md5((g / 3)::text), ('10.' || g % 200 || '.' || g % 251 || '.' || g % 253)::inet,
       jsonb_build_object('name', md5(g::text), 'version', g % 97, 'tags', jsonb_build_array('a' || g % 5, 'b' || g % 9)),
       jsonb_build_object('name', md5((g + 1)::text), 'version', g % 97 + 1, 'note', repeat('changed by the owner ', 1 + (g % 5)::int)),
       md5('t' || g)::uuid, '2024-01-01'::timestamptz + g * interval '9 seconds' from generate_series(1::bigint, ${auditRows}) g`,
    `create table security_events (id bigint primary key, user_id bigint, kind text not null, details jsonb, at timestamptz not null)`,
    `insert into security_events select g, 1 + (g * 104729) % ${users}, (array['failed_login', 'mfa', 'token'])[1 + g % 3],
       jsonb_build_object('agent', 'Mozilla/5.0 ' || md5(g::text), 'score', g % 100),
       '2024-01-01'::timestamptz + g * interval '90 seconds' from generate_series(1::bigint, ${securityRows}) g`,
    'create index on users (created_at)',
    'create index on audit_log (user_id, at)',
    'create index on audit_log (action, at)',
    'create index on audit_log (at)',
    'create index on audit_log (trace_id)',
    'create index on security_events (user_id, at)',
    'alter table audit_log add foreign key (user_id) references users (id)',
    'vacuum analyze',
    'checkpoint',
  ];
}

/** An application's uploads in two hundred folders, half of the bytes incompressible. Returns the bytes written. */
export function fillTree(root: string, { files, treeBytes }: Scale): number {
  const random = sequence(4_242);
  const large = Math.round(files / 100);
  const largeMean = 5e6;
  const smallMean = Math.max(2_000, (treeBytes - large * largeMean) / (files - large));
  let written = 0;
  for (let n = 0; n < files; n += 1) {
    const folder = path.join(root, `project-${n % 200}`);
    if (n < 200) fs.mkdirSync(folder, { recursive: true });
    const spread = 0.2 + 1.6 * random.next().value;
    const bytes = Math.round((n % 100 === 0 ? largeMean : smallMean) * spread);
    fs.writeFileSync(path.join(folder, `model-${n}.stl`), content(bytes, n));
    written += bytes;
  }
  return written;
}

function content(bytes: number, n: number): Buffer {
  if (n % 200 < 100) return randomFillSync(Buffer.alloc(bytes));
  return Buffer.alloc(
    bytes,
    `facet normal 0.${n} 0.1 0.2 outer loop vertex 1.5 ${n} 2.25 vertex 3.5 ${n} 4.125 endloop\n`,
  );
}
