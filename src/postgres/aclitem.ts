/** One entry of an access list, e.g. `"my role"=CT*c/owner`. */
export interface AclItem {
  /** null = PUBLIC. */
  readonly grantee: string | null;
  readonly grantor: string;
  /** Letters as in the documentation of privileges, in order. */
  readonly privileges: readonly { readonly letter: string; readonly withGrantOption: boolean }[];
}

/** Parses the text form of an aclitem: names are bare, or in double quotes that are doubled inside. @throws RangeError if it is malformed */
export function parseAclItem(text: string): AclItem {
  const match = /^("(?:[^"]|"")*"|[^"=]*)=((?:[A-Za-z]\*?)*)\/("(?:[^"]|"")*"|[^"]+)$/s.exec(text);
  if (!match) throw new RangeError('not an aclitem');
  const [, grantee, privileges, grantor] = match as unknown as [string, string, string, string];
  return {
    grantee: grantee === '' ? null : unquote(grantee),
    grantor: unquote(grantor),
    privileges: Array.from(privileges.matchAll(/([A-Za-z])(\*?)/g), ([, letter, star]) => ({
      letter: letter!,
      withGrantOption: star === '*',
    })),
  };
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
