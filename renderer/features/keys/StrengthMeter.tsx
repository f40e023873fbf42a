import css from './keys.module.css';
import { strengthOf } from './strength.ts';

/** How hard the passphrase is to guess, as bars and as words. */
export function StrengthMeter({ text }: { text: string }) {
  const { word, level, meaning } = strengthOf(text);
  return (
    <div className={css.meter} aria-live="polite">
      <span className={css.bars} data-level={level} aria-hidden="true">
        {[1, 2, 3, 4].map((step) => (
          <span key={step} data-on={step <= level ? '' : undefined} />
        ))}
      </span>
      <b>{word}</b>
      <p>{meaning}</p>
    </div>
  );
}
