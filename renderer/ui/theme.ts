import type { Settings } from '../../shared/model/settings.ts';

const dark = () => window.matchMedia('(prefers-color-scheme: dark)');

/** The theme in force: what the person chose, else the system's. */
export const effectiveTheme = (choice: Settings['theme']): 'light' | 'dark' =>
  choice === 'system' ? (dark().matches ? 'dark' : 'light') : choice;

/** Puts the theme on <html> and follows the system while the choice is `system`. Returns how to stop. */
export function applyTheme(choice: Settings['theme']): () => void {
  const put = () => {
    document.documentElement.dataset.theme = effectiveTheme(choice);
  };
  put();
  const query = dark();
  query.addEventListener('change', put);
  return () => query.removeEventListener('change', put);
}
