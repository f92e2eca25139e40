import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { isErrno, PotctlError } from '../kernel/errors.js';

/** One way to open the connection: without TLS, or with it. */
export type TlsAttempt = false | ConnectionOptions;

const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Translates libpq's sslmode into connection attempts, in order; a later one is for a server that refuses the earlier.
 *
 * If a root certificate exists, every mode verifies the chain, like libpq: `require` then means `verify-ca`, and `prefer` falls back to no
 * TLS. On a Unix socket there is no TLS.
 *
 * @param home for ~/.postgresql/{root.crt,postgresql.crt,postgresql.key}; undefined = no such defaults
 * @throws E_DB_TLS if certificate files that the mode requires are missing or unreadable
 */
export async function tlsAttempts(settings: ConnectionSettings, home: string | undefined): Promise<TlsAttempt[]> {
  const { sslmode } = settings;
  if (settings.host.startsWith('/') || sslmode === 'disable') return [false];
  const tls = await tlsOptions(settings, home);
  if (sslmode === 'allow') return [false, tls];
  if (sslmode === 'prefer') return [tls, false];
  return [tls];
}

async function tlsOptions(settings: ConnectionSettings, home: string | undefined): Promise<ConnectionOptions> {
  const roots = await rootsOf(settings, home);
  if (settings.sslmode.startsWith('verify-') && roots === undefined) throw noRoots(settings, home);
  const hostChecked = settings.sslmode === 'verify-full';
  return {
    rejectUnauthorized: roots !== undefined,
    ...(roots === undefined ? {} : { ca: roots }),
    ...(hostChecked ? {} : { checkServerIdentity: () => undefined }),
    // The certificate is for the host name, even if the address is given separately.
    ...(settings.hostaddr === null || isIP(settings.host) !== 0 ? {} : { servername: settings.host }),
    ...(await clientCertificate(settings, home)),
  };
}

async function rootsOf(settings: ConnectionSettings, home: string | undefined): Promise<string[] | undefined> {
  const { sslrootcert, sslmode } = settings;
  if (sslrootcert === 'system') {
    if (sslmode !== 'verify-full') {
      throw new PotctlError('E_DB_TLS', `sslrootcert=system requires sslmode=verify-full, not '${sslmode}'`, {
        why: "libpq refuses weaker modes with the system's certificates: anyone can get a certificate from these authorities",
        fix: ['Set `sslmode` to verify-full.'],
      });
    }
    return systemRoots();
  }
  const file = sslrootcert ?? inHome(home, 'root.crt');
  const text = file === undefined ? undefined : await readIfThere(file);
  return text === undefined ? undefined : [text];
}

async function systemRoots(): Promise<string[]> {
  for (const file of SYSTEM_BUNDLES) {
    const text = await readIfThere(file);
    if (text !== undefined) return [text];
  }
  return [...rootCertificates];
}

async function clientCertificate(settings: ConnectionSettings, home: string | undefined): Promise<ConnectionOptions> {
  const certFile = settings.sslcert ?? inHome(home, 'postgresql.crt');
  const keyFile = settings.sslkey ?? inHome(home, 'postgresql.key');
  if (certFile === undefined || keyFile === undefined) return {};
  const cert = await readIfThere(certFile);
  if (cert === undefined) return {};
  const key = await readIfThere(keyFile);
  if (key === undefined) {
    throw new PotctlError('E_DB_TLS', `the client certificate '${certFile}' has no private key '${keyFile}'`, {
      fix: ['Set `sslkey` to its private key file.'],
    });
  }
  return { cert, key };
}

function noRoots(settings: ConnectionSettings, home: string | undefined): PotctlError {
  const file = settings.sslrootcert ?? inHome(home, 'root.crt') ?? '~/.postgresql/root.crt';
  return new PotctlError('E_DB_TLS', `sslmode '${settings.sslmode}' requires the root certificate '${file}'`, {
    why: 'the file does not exist',
    fix: ['Create it or set `sslrootcert`; `sslrootcert=system` uses the certificates of the operating system.'],
  });
}

function inHome(home: string | undefined, name: string): string | undefined {
  return home === undefined ? undefined : path.join(home, '.postgresql', name);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new PotctlError('E_DB_TLS', `cannot read '${file}'`, {
      why: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}
