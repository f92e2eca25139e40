import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeConfiguration } from '../../src/config/describe.js';
import { locateConfiguration } from '../../src/config/discover.js';
import { loadSettings } from '../../src/config/load.js';
import { parseConfig } from '../../src/config/parse.js';
import type { SettingsRequest } from '../../src/config/request.js';
import { configJsonSchema } from '../../src/config/schema.js';
import { validateConfiguration } from '../../src/config/validate.js';
import { readAsset } from '../../src/kernel/assets.js';

const folder = mkdtempSync(path.join(tmpdir(), 'validate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const EVERY_KEY = `
default_profile: prod
profiles:
  prod:
    environment: production
    database: { service: threedpot-prod, expect: { system_identifier: "7301442123456789012" } }
    application: 3dpot
    files: { path: /srv/3dpot/storage, engine: incremental, exclude: ["tmp/**"] }
    references: "select file_path from projects where file_path is not null"
    repositories:
      local:   { path: /var/backups/potctl }
      offsite: { s3: { bucket: 3dpot-dr, prefix: prod, endpoint: "https://s3.example.com", region: eu-west-1, path_style: true } }
    encryption: { recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p], identity_file: /etc/potctl/restore.key }
    retention: { last: 3, within: 7d, daily: 7, weekly: 4, monthly: 6, yearly: 0 }
    restore: { keep_old: 72h, stop_writers: "systemctl stop 3dpot-api", start_writers: "systemctl start 3dpot-api" }
    mfa: { issuer: 3dPot, required_for_admin: true, code_form: application, keys: { k2026a: { file: /etc/potctl/mfa-k2026a.key } } }
    guards: { protected: [restore, prune, mfa.disable], reason: required, ticket: "^SUP-[0-9]+$" }
    probes: { http: [{ name: api, url: "https://api/health" }], prometheus: "http://p:9090", alertmanager: "http://a:9093", redis: "redis://r", logs: ["/var/log/3dpot/*.log"], tls: ["api.example.com:443"] }
    notify: { ping: { url_file: /etc/potctl/ping-url }, slack: { url_file: /etc/potctl/slack }, webhook: { url: "https://hook" }, email: { to: [oncall@example.com], smtp: "smtp://mail" } }
`;

const found = (text: string, mode = 0o600) =>
  parseConfig(text, '/c.yaml', mode).problems.map(
    ({ line, problem, suggestion }) => `${line}: ${problem} (${suggestion ?? ''})`,
  );
const request = (text: string, flags: SettingsRequest['flags'] = {}): SettingsRequest => {
  const file = path.join(folder, `c${Math.random()}.yaml`);
  writeFileSync(file, text, { mode: 0o600 });
  return { flags: { config: file, ...flags }, environment: {}, homeDirectory: folder, userName: 'ana', cwd: '/' };
};

describe('a file', () => {
  test('with every documented key is valid', () => {
    expect(found(EVERY_KEY)).toEqual([]);
  });

  test('that is the shipped template is valid', () => {
    expect(found(readAsset('templates', 'config/config.yaml'))).toEqual([]);
  });

  test('with an unreadable character in the issuer is invalid, and the character is named', () => {
    expect(found('profiles:\n  p:\n    mfa: { issuer: "3d\\u202EtoP" }\n')).toEqual([
      '3: issuer has U+202E (right-to-left override), a control or hidden character ()',
    ]);
    expect(found('profiles:\n  p:\n    mfa: { issuer: "3dPot: Ltda" }\n')).toEqual([
      '3: issuer has a colon, which authenticator apps read as a separator ()',
    ]);
  });

  test('may be empty', () => {
    expect(found('')).toEqual([]);
    expect(found('# nothing yet\n')).toEqual([]);
  });

  test('is reported with all its mistakes at once, each with line and suggestion', () => {
    const text = [
      'defualt_profile: prod', // 1
      'profiles:', // 2
      '  prod:', // 3
      '    enviroment: production', // 4
      '    environment: prodution', // 5
      '    database:', // 6
      '      hots: db1', // 7
      '      port: "5432"', // 8
      '      dbname: app', // 9
      '      password: canary-secret', // 10
      '      requirepeer: x', // 11
      '    files: { path: relative/tree }', // 12
      '    restore: { keep_old: 72 }', // 13
      '    retention: { last: -1 }', // 14
      '    repositories: { both: { path: /a, s3: { bucket: b } }, 9a: { path: /b } }', // 15
    ].join('\n');
    const lines = found(text);
    expect(lines).toEqual([
      "1: unknown key 'defualt_profile' (did you mean 'default_profile'?)",
      "4: unknown key 'enviroment' (did you mean 'environment'?)",
      '5: environment must be one of production, staging, development (did you mean production?)',
      "7: unknown key 'hots' (did you mean 'host'?)",
      '8: port must be a whole number (write it without quotes)',
      "9: unknown key 'dbname' (libpq's dbname is called 'name' here)",
      "10: unknown key 'password' (a password does not belong here: use password_file, password_command or .pgpass)",
      "11: unknown key 'requirepeer' (libpq knows 'requirepeer', but potctl does not support it)",
      '12: path must be an absolute path, or start with ~/ ()',
      '13: keep_old must be text (put it in quotes)',
      '14: last must be at least 0 ()',
      "15: the name '9a' must start with a letter, followed by letters, digits, . _ or - ()",
    ]);
    expect(lines.join()).not.toContain('canary');
  });

  test('names the application alone, or with its schema; mistakes are explained for the intended form', () => {
    const told = (value: string) => found(`profiles:\n  a:\n    application: ${value}\n`);
    for (const value of ['viu', '{ name: viu, schema: app }', '{ schema: "Äpp" }', '{}'])
      expect(told(value)).toEqual([]);
    expect(told('vui')).toEqual(['3: application must be one of auto, 3dpot, viu, evo, native (did you mean viu?)']);
    expect(told('{ name: vui }')).toEqual(['3: name must be one of auto, 3dpot, viu, evo, native (did you mean viu?)']);
    expect(told('{ shema: app }')).toEqual(["3: unknown key 'shema' (did you mean 'schema'?)"]);
    expect(told('{ schema: 5 }')).toEqual(['3: schema must be text (put it in quotes)']);
    expect(told('')).toEqual(['3: application must be text or a block with name and schema ()']);
  });

  test('with contradictory keys is invalid', () => {
    expect(found('default_profile: prd\nprofiles:\n  prod: {}\n')).toEqual([
      "1: there is no profile 'prd' (did you mean 'prod'?)",
    ]);
    expect(found('profiles:\n  a:\n    database:\n      url: postgres://h/db\n      host: other\n')[0]).toMatch(
      /^5: host and url/,
    );
    expect(found('profiles:\n  a:\n    database: { password_file: /a, password_command: b }\n')[0]).toContain(
      'already provides',
    );
    expect(found('profiles:\n  a:\n    repositories: { x: {} }\n')[0]).toContain('either path or s3');
    expect(found('profiles:\n  a:\n    notify: { ping: {} }\n')[0]).toContain('either url or url_file');
  });

  test.each([
    ['profiles:\n  a: [1\n', /^[23]: /],
    ['a: 1\na: 2\n', /^2: .*unique/],
    ['profiles: []\n', /^1: profiles must be a block/],
    ['- a list\n', /^1: the file must be a block/],
    ['profiles:\n  a:\n    database: !!js/function x\n', /^3: /],
    [
      'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n',
      /alias/i,
    ],
    ['\u0000', /./],
  ])('that is invalid YAML or not a configuration is reported with its line: %j', (text, line) => {
    expect(found(text)[0]).toMatch(line);
  });

  test('with a private key instead of a public one is reported without repeating the key', () => {
    const lines = found('profiles:\n  a:\n    encryption: { recipients: [AGE-SECRET-KEY-1CANARY] }\n');
    expect(lines[0]).toContain('private key');
    expect(lines.join()).not.toContain('CANARY');
  });

  test('that is readable by others is refused only if it contains a secret', () => {
    expect(found('profiles:\n  a:\n    database: { host: h }\n', 0o644)).toEqual([]);
    const secret = 'profiles:\n  a:\n    database: { url: "postgres://u:canary@h/db" }\n';
    expect(found(secret)).toEqual([]);
    expect(found(secret, 0o640)).toEqual([
      '3: this is a secret, and the file is readable by others (chmod 0600 /c.yaml)',
    ]);
    expect(found('profiles:\n  a:\n    notify: { slack: { url: "https://hooks/x" } }\n', 0o644)).toHaveLength(1);
  });

  test('that is world-writable is not used at all', async () => {
    const made = request('profiles: {}\n');
    chmodSync(made.flags.config ?? '', 0o602);
    await expect(loadSettings(made)).rejects.toMatchObject({
      code: 'E_CONFIG',
      why: { problem: expect.stringContaining('world-writable') },
    });
  });
});

describe('where a file is found', () => {
  const home = path.join(folder, 'home');
  const write = (file: string): string => {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '{}', { mode: 0o600 });
    return file;
  };
  const locate = (environment: Record<string, string> = {}, config?: string) =>
    locateConfiguration({
      flags: config === undefined ? {} : { config },
      environment,
      homeDirectory: home,
      userName: 'ana',
      cwd: folder,
      systemFile: path.join(folder, 'etc/config.yaml'),
    }).then(({ file }) => file);

  test('--config, POTCTL_CONFIG, XDG_CONFIG_HOME, ~/.config, then /etc', async () => {
    expect(await locate()).toBeNull();
    const system = write(path.join(folder, 'etc/config.yaml'));
    expect(await locate()).toBe(system);
    const personal = write(path.join(home, '.config/potctl/config.yaml'));
    expect(await locate()).toBe(personal);
    const xdg = write(path.join(folder, 'xdg/potctl/config.yaml'));
    expect(await locate({ XDG_CONFIG_HOME: path.join(folder, 'xdg') })).toBe(xdg);
    const named = write(path.join(folder, 'named.yaml'));
    expect(await locate({ POTCTL_CONFIG: 'named.yaml' })).toBe(named);
    expect(await locate({ POTCTL_CONFIG: xdg }, named)).toBe(named);
  });

  test('a file that was named must exist', async () => {
    await expect(locate({}, '/nowhere.yaml')).rejects.toMatchObject({ code: 'E_CONFIG', exitCode: 15 });
    await expect(locate({ POTCTL_CONFIG: folder })).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});

describe('config validate, show and schema', () => {
  test('validate resolves every profile and reports the line at fault', async () => {
    const text = 'profiles:\n  good: {}\n  bad:\n    database:\n      service: gone\n';
    const { problems, profiles } = await validateConfiguration(request(text));
    expect(profiles).toEqual(['good', 'bad']);
    expect(problems).toMatchObject([
      { line: 5, key: 'profiles.bad', problem: expect.stringContaining("'gone' is not defined") },
    ]);
  });

  test('a command refuses an invalid file with all of its mistakes', async () => {
    const error = await loadSettings(request('profils: {}\nx: 1\n')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'E_CONFIG', message: 'the configuration has 2 mistakes' });
  });

  test('show prints every value with its line, and no secret', async () => {
    const made = request(
      'profiles:\n  p:\n    database:\n      url: "postgres://u:canary-1@h/db"\n    notify: { slack: { url: "https://hooks/canary-2" } }\n    probes: { redis: "redis://:canary-3@r" }\n    mfa: { issuer: Shop }\n',
      { profile: 'p' },
    );
    const view = await describeConfiguration(made);
    const line = (key: string) => view.values.find((value) => value.key === key);
    expect(line('database.user')).toMatchObject({ value: 'u', from: `${made.flags.config}:4` });
    expect(line('database.password')?.value).toMatch(/^set \(/);
    expect(line('mfa.issuer')).toMatchObject({ value: 'Shop', from: `${made.flags.config}:7` });
    expect(JSON.stringify(view)).not.toContain('canary');
  });

  test('the JSON Schema for editors has the same keys', () => {
    const text = JSON.stringify(configJsonSchema());
    for (const key of [
      'default_profile',
      'password_command',
      'path_style',
      'system_identifier',
      'keep_old',
      'alertmanager',
    ])
      expect(text).toContain(`"${key}"`);
    expect(configJsonSchema()).toMatchObject({ additionalProperties: false });
  });
});
