import * as z from 'zod';

// What the page's policy (shell/scheme.ts) asks of libraries. Imported before any of them runs.

// It forbids making code at run time, which zod tries when the first schema is made.
z.config({ jitless: true });

interface TrustedTypes {
  createPolicy(name: 'default', rules: { createHTML(text: string): string | null }): unknown;
}

// It takes no string for HTML. React Aria empties what it announced to screen readers with innerHTML = '', and threw
// there each time a number was edited. Nothing but the empty string passes.
(globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('default', {
  createHTML: (text) => (text === '' ? '' : null),
});
