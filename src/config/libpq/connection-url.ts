import { PotctlError } from '../../kernel/errors.js';
import { LIBPQ_KEYWORDS } from './keywords.js';

/** Whether the text is a connection URL, `postgres://…` or `postgresql://…`. */
export const isConnectionUrl = (text: string): boolean => /^postgres(ql)?:\/\//.test(text);

/**
 * Parses a `postgres://user:password@host:port/database?keyword=value` URL by libpq's own rules: every part is optional and
 * percent-encoded, a host may be an address in brackets or an encoded socket directory, parameters override the parts before them.
 *
 * @param from where the URL is written, for messages; the URL itself is never repeated, because it may contain a password
 * @throws PotctlError E_CONFIG
 * @see PostgreSQL 15, fe-connect.c, conninfo_uri_parse_options
 */
export function parseConnectionUrl(url: string, from: string): Map<string, string> {
  const fail = (why: string, ...fix: string[]): never => {
    throw new PotctlError('E_CONFIG', `invalid connection URL: ${why}`, {
      why: { from },
      ...(fix.length === 0 ? {} : { fix }),
    });
  };
  if (!isConnectionUrl(url)) fail('it must start with postgres:// or postgresql://');
  const found = new Map<string, string>();
  const store = (keyword: string, raw: string): void => {
    if (raw !== '') found.set(keyword, decode(raw, fail));
  };

  let rest = url.slice(url.indexOf('://') + 3);
  const userEnd = rest.search(/[@/]/);
  if (userEnd >= 0 && rest[userEnd] === '@') {
    const login = rest.slice(0, userEnd);
    const colon = login.indexOf(':');
    store('user', colon < 0 ? login : login.slice(0, colon));
    store('password', colon < 0 ? '' : login.slice(colon + 1));
    rest = rest.slice(userEnd + 1);
  }
  const [place = '', query] = splitOnce(rest, '?');
  const [netloc = '', database = ''] = splitOnce(place, '/');
  const { hosts, ports } = readHosts(netloc, fail);
  store('host', hosts);
  store('port', ports);
  store('dbname', database);
  if (query !== undefined) readParameters(query, store, fail);
  return found;
}

type Fail = (why: string, ...fix: string[]) => never;

function readHosts(netloc: string, fail: Fail): { hosts: string; ports: string } {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const place of netloc.split(',')) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(place);
    if (match === null) return fail('the host is malformed; write an IPv6 address in brackets, [::1]');
    if (match[1] === '') fail('the brackets around the IPv6 address are empty');
    hosts.push(match[1] ?? match[2] ?? '');
    ports.push(match[3] ?? '');
  }
  return { hosts: hosts.join(','), ports: ports.every((port) => port === '') ? '' : ports.join(',') };
}

function readParameters(query: string, store: (keyword: string, raw: string) => void, fail: Fail): void {
  for (const parameter of query.split('&')) {
    if (parameter === '') continue;
    const parts = parameter.split('=');
    if (parts.length !== 2) fail(`the parameter '${decode(parts[0] ?? '', fail)}' does not have the form name=value`);
    const name = decode(parts[0] ?? '', fail);
    const value = parts[1] ?? '';
    if (name === 'ssl' && value === 'true') store('sslmode', 'require');
    else if (name in LIBPQ_KEYWORDS && name !== 'servicefile') store(name, value);
    else if (name === 'pgbouncer')
      fail(
        "it contains 'pgbouncer': backup and restore do not work through a pooler",
        "use the address of the PostgreSQL server itself, without '?pgbouncer=…'",
      );
    else fail(`libpq has no parameter '${name}'`, `remove '${name}=…' from the URL; it belongs to another driver`);
  }
}

function decode(raw: string, fail: Fail): string {
  if (/%(?![0-9a-f]{2})/i.test(raw)) return fail('a % is not followed by two hexadecimal digits; write % as %25');
  const bytes = Buffer.from(
    raw.replace(/[^%]+|%[0-9a-f]{2}/gi, (part) =>
      part.startsWith('%') ? part.slice(1) : Buffer.from(part).toString('hex'),
    ),
    'hex',
  );
  if (bytes.includes(0)) return fail('it contains %00');
  return bytes.toString('utf8');
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
