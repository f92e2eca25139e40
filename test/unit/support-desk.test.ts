import { describe, expect, test } from 'vitest';
import type { Person } from '../../src/applications/application.js';
import { redact } from '../../src/kernel/secret.js';
import type { ChangePlan } from '../../src/mfa/change.js';
import type { DeskCase } from '../../src/mfa/desk/case.js';
import type { DeskDeps } from '../../src/mfa/desk/deps.js';
import { newEmailCode } from '../../src/mfa/desk/email-code.js';
import { maskEmail, maskName, maskPerson } from '../../src/mfa/desk/mask.js';
import {
  areEnough,
  canBeChecked,
  countOf,
  demandOf,
  type Proof,
  proofWords,
  stillOffered,
} from '../../src/mfa/desk/proofs.js';
import type { Proving } from '../../src/mfa/desk/proving.js';
import { carryOut } from '../../src/mfa/desk/tasks.js';

const flags = (count: number) => Array.from({ length: count }, (_, at) => ({ code: `f${at}`, text: '' }));
const given = (...methods: Proof['method'][]): Proof[] => methods.map((method) => ({ method, by: null }));

describe('a mask shows enough to recognize somebody, but no lengths', () => {
  test.each([
    ['Ana Souza', 'Ana S••••'],
    ['Ana Maria de Souza', 'Ana M•••• d•••• S••••'],
    ['  Zoë   𝒮mith ', 'Zoë 𝒮••••'],
    ['Ana', 'Ana'],
  ])('the name %j becomes %j', (name, masked) => expect(maskName(name)).toBe(masked));

  test.each([
    ['ana@example.com', 'a•••@e••••••.com'],
    ['a@b.co', 'a•••@b••••••.co'],
    ['ana.souza+x@mail.example.co.uk', 'a•••@m••••••.uk'],
    ['root@localhost', 'r•••@l••••••'],
    ['odd"@"@example.com', 'o•••@e••••••.com'],
    ['no address', '•••'],
    ['', '•••'],
  ])('the email %j becomes %j', (email, masked) => expect(maskEmail(email)).toBe(masked));

  test('without a name the masked user name is shown, and never the id', () => {
    const person = { id: 'the-id', name: ' ', username: 'ana.souza', email: null, role: null, isAdmin: false };
    const rest = { active: null, createdAt: '2024-02-03T00:00:00Z', organizations: [] };
    const masked = maskPerson({ ...person, ...rest } as unknown as Person);
    expect(masked).toEqual({ name: 'a••••', email: null, facts: 'user, since 2024-02' });
  });
});

describe('the required proofs', () => {
  const demand = (count: number, checkable: readonly Proof['method'][] = ['email_code', 'app_code'], denied = false) =>
    demandOf(flags(count - 2), checkable, denied);

  test('are two, one more for each red flag, at most three', () => {
    const counts = [[], ['email_code']] as const;
    for (const checkable of counts) {
      expect([0, 1, 2, 7].map((count) => countOf([], demandOf(flags(count), checkable, false)))).toEqual([2, 3, 3, 3]);
    }
  });

  test('include one checked by potctl, or else an ID and both other attested proofs', () => {
    expect(areEnough(given('call_back', 'in_person'), demand(2))).toBe(false);
    expect(areEnough(given('call_back', 'colleague'), demand(2))).toBe(false);
    expect(areEnough(given('call_back', 'in_person', 'colleague'), demand(2))).toBe(true);
    expect(areEnough(given('call_back', 'in_person', 'colleague'), demand(3, ['email_code'], true))).toBe(true);
    expect(areEnough(given('call_back', 'email_code'), demand(2))).toBe(true);
    expect(areEnough(given('call_back', 'email_code'), demand(3))).toBe(false);
  });

  test('include an ID in person if potctl can check none', () => {
    expect(areEnough(given('call_back', 'colleague'), demand(2, []))).toBe(false);
    expect(areEnough(given('in_person', 'colleague'), demand(2, []))).toBe(true);
    expect(stillOffered(given('call_back'), demand(2, []), [])).toEqual(['in_person']);
  });

  test('include one that reaches the owner after the owner denied having called', () => {
    const after = demand(3, ['email_code', 'backup_code', 'app_code'], true);
    expect(areEnough(given('email_code', 'backup_code', 'colleague'), after)).toBe(false);
    expect(stillOffered(given('email_code', 'backup_code'), after, ['app_code'])).toEqual(['call_back', 'in_person']);
    expect(areEnough(given('email_code', 'backup_code', 'call_back'), after)).toBe(true);
  });

  test('are never offered twice, and only checked ones if one of those is missing', () => {
    const possible = ['email_code', 'app_code'] as const;
    expect(stillOffered(given('email_code'), demand(3), possible)).toEqual([
      ...['app_code', 'call_back', 'colleague', 'in_person'],
    ]);
    expect(stillOffered(given('call_back'), demand(2), possible)).toEqual(['email_code', 'app_code', 'in_person']);
    expect(stillOffered(given('call_back'), demand(3), possible)).toEqual([
      ...['email_code', 'app_code', 'colleague', 'in_person'],
    ]);
    expect(canBeChecked(given('call_back'), ['in_person'])).toBe(false);
    expect(canBeChecked(given('email_code'), ['in_person'])).toBe(true);
    expect(canBeChecked([], ['app_code', 'in_person'])).toBe(true);
  });

  test('can be given in person by a user without phone and mailbox', () => {
    const [possible, two] = [['email_code'] as const, demand(2, ['email_code'])];
    expect(stillOffered(given('in_person'), two, possible)).toEqual(['email_code', 'call_back', 'colleague']);
    expect(stillOffered(given('in_person', 'call_back'), two, possible)).toEqual(['email_code', 'colleague']);
    expect([given('in_person'), given('in_person', 'call_back')].map((one) => countOf(one, two))).toEqual([2, 3]);
  });

  test('are recorded with who vouched and whether potctl checked them', () => {
    const proofs: Proof[] = [...given('email_code'), { method: 'colleague', by: 'joao.reis' }];
    expect(proofWords(proofs)).toEqual(['email_code (checked)', 'colleague joao.reis (attested)']);
  });
});

describe('mailed digits', () => {
  function at(start = 0) {
    let ms = start;
    const clock = { now: () => new Date(0), monotonicMs: () => ms };
    const code = newEmailCode(clock, () => 4_217);
    return { code, pass: (minutes: number) => (ms += minutes * 60_000) };
  }

  test('are six with leading zeros, may be typed with blanks, work once, and are never printed', () => {
    const { code } = at();
    expect(code.secret.reveal()).toBe('004217');
    expect(redact('digits 004217')).toBe('digits [secret]');
    expect(code.answer('004 217')).toBe('right');
    expect(code.answer('004217')).toBe('spent');
  });

  test('do not count tries, which the desk does', () => {
    const { code } = at();
    const tries = ['1', '000000', '004218', '004219', '004217'];
    expect(tries.map((typed) => code.answer(typed))).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'right']);
  });

  test('expire after ten minutes', () => {
    const [early, late] = [at(5), at(5)];
    early.pass(10);
    late.pass(10.01);
    expect([early.code.answer('004217'), late.code.answer('004217')]).toEqual(['right', 'expired']);
  });
});

test.each([
  ['without enough proofs', false, 'one'],
  ['with the proofs of somebody else', true, 'other'],
])('the engine itself refuses a change %s, even if the terminal does not', async (_title, enough, id) => {
  const proving = { isEnough: () => enough, given: () => [] } as unknown as Proving;
  const plan = { action: 'reset', record: { person: { id } } } as unknown as ChangePlan;
  const call = { person: { id: 'one' }, flags: [] } as unknown as DeskCase;
  const delivery = () => ({ to: '', prepare: async () => async () => {}, hand: async () => {} });
  const order = { task: 'reset', plan, call, proving, delivery } as const;
  await expect(carryOut({} as DeskDeps, order)).rejects.toMatchObject({ code: 'E_REFUSED' });
});
