import type { Person } from '../../applications/application.js';

/** A person as shown on a screen that others may see: enough to recognize, too little to repeat to a caller. */
export interface MaskedPerson {
  /** `Ana S••••` */
  readonly name: string;
  /** `a•••@e••••••.com`; null = the application has none. */
  readonly email: string | null;
  /** `user, active, since 2024-02` */
  readonly facts: string;
}

/** Masks the name and email of a person. */
export function maskPerson({ name, username, email, role, isAdmin, active, createdAt }: Person): MaskedPerson {
  const facts = [
    role ?? (isAdmin ? 'administrator' : 'user'),
    active === null ? null : active ? 'active' : 'disabled',
    createdAt === null ? null : `since ${createdAt.slice(0, 7)}`,
  ];
  return {
    name: name !== null && name.trim() !== '' ? maskName(name) : username === null ? '(no name)' : maskWord(username),
    email: email === null ? null : maskEmail(email),
    facts: facts.filter((fact) => fact !== null).join(', '),
  };
}

/** Masks all names but the first: `Ana Souza` → `Ana S••••`. The length of a name is hidden, too. */
export function maskName(name: string): string {
  const [first = '', ...others] = name.trim().split(/\s+/);
  return [first, ...others.map(maskWord)].join(' ');
}

/** Masks an address: `ana@example.com` → `a•••@e••••••.com`; anything that is not an address becomes `•••`. */
export function maskEmail(email: string): string {
  const [, local, domain] = /^(.+)@([^@]+)$/s.exec(email.trim()) ?? [];
  if (local === undefined || domain === undefined) return '•••';
  const end = /\.[^.]+$/.exec(domain)?.[0] ?? '';
  return `${initial(local)}•••@${initial(domain)}••••••${end}`;
}

const maskWord = (word: string): string => `${initial(word)}••••`;
const initial = (word: string): string => [...word][0] ?? '';
