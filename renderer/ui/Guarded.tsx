import { Component, type ReactNode } from 'react';
import { toWire, type WireError } from '../../shared/errors.ts';
import { Button } from './Button.tsx';
import css from './controls.module.css';
import { ErrorNote } from './ErrorNote.tsx';

interface Props {
  /** A word for what is inside: `page`, `consoles`. */
  readonly part: string;
  /** Another value tries again by itself: what is inside is another thing then. */
  readonly about: unknown;
  readonly write: (text: string) => Promise<void>;
  /** Told once, in place of showing anything here. */
  readonly onError?: (error: WireError) => void;
  readonly children: ReactNode;
}

/** Keeps a fault in one part of the window from taking the whole of it away. */
export class Guarded extends Component<Props, { error: WireError | null; about: unknown }> {
  override state = { error: null as WireError | null, about: this.props.about };

  static getDerivedStateFromError(error: unknown) {
    return {
      error: {
        ...toWire(error),
        message: 'This part of the window failed.',
        why: error instanceof Error ? error.message : String(error),
        todo: 'Try again. Guests and operations go on untouched.',
        detail: error instanceof Error ? error.stack : undefined,
      } satisfies WireError,
    };
  }

  static getDerivedStateFromProps({ about }: Props, state: { about: unknown }) {
    return about === state.about ? null : { error: null, about };
  }

  override componentDidCatch() {
    if (this.state.error) this.props.onError?.(this.state.error);
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    if (this.props.onError) return null;
    return (
      <div className={css.failedPart} data-part={this.props.part}>
        <ErrorNote error={error} write={this.props.write} />
        <Button look="primary" onPress={() => this.setState({ error: null })}>
          Try again
        </Button>
      </div>
    );
  }
}
