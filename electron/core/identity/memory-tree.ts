import type { GuestTree, TreeEdit, TreeStat } from './tree.ts';

interface Node {
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  uid: number;
  gid: number;
  content: Buffer;
  target: string;
}

/** A guest's files in memory: for tests of plans, and to show what a plan would leave behind. */
export class MemoryTree implements GuestTree {
  private readonly nodes = new Map<string, Node>();

  constructor(files: Readonly<Record<string, string | { link: string } | { folder: true }>> = {}) {
    this.nodes.set('/', node('directory', 0o755));
    for (const [path, value] of Object.entries(files)) {
      this.parents(path);
      if (typeof value === 'string') this.nodes.set(path, node('file', 0o644, Buffer.from(value)));
      else if ('link' in value) this.nodes.set(path, node('symlink', 0o777, undefined, value.link));
      else this.nodes.set(path, node('directory', 0o755));
    }
  }

  /** Puts one node, with its parents. */
  put(
    path: string,
    value: Buffer | 'folder' | { link: string },
    owner: { readonly mode: number; readonly uid: number; readonly gid: number },
  ): void {
    this.parents(path);
    if (value === 'folder') this.nodes.set(path, { ...node('directory', owner.mode), ...owner });
    else if (Buffer.isBuffer(value)) this.nodes.set(path, { ...node('file', owner.mode, value), ...owner });
    else this.nodes.set(path, { ...node('symlink', 0o777, undefined, value.link), ...owner });
  }

  async stat(path: string): Promise<TreeStat | null> {
    const real = this.resolve(path);
    return real === null ? null : this.describe(real);
  }

  async lstat(path: string): Promise<TreeStat | null> {
    const real = this.resolveParent(path);
    return real === null ? null : this.describe(real);
  }

  async readFile(path: string, max: number): Promise<Buffer | null> {
    const real = this.resolve(path);
    const found = real === null ? undefined : this.nodes.get(real);
    if (found?.type !== 'file') return null;
    if (found.content.length > max) throw new Error('too large');
    return found.content;
  }

  async readdir(path: string): Promise<readonly string[]> {
    const real = this.resolve(path);
    if (real === null || this.nodes.get(real)?.type !== 'directory') return [];
    const prefix = real === '/' ? '/' : `${real}/`;
    return [...this.nodes.keys()]
      .filter((key) => key !== '/' && key.startsWith(prefix) && !key.slice(prefix.length).includes('/'))
      .map((key) => key.slice(prefix.length));
  }

  async readlink(path: string): Promise<string | null> {
    const real = this.resolveParent(path);
    const found = real === null ? undefined : this.nodes.get(real);
    return found?.type === 'symlink' ? found.target : null;
  }

  /** Applies edits as the disk engine does. */
  apply(edits: readonly TreeEdit[]): void {
    for (const edit of edits) {
      const path = this.resolveParent(edit.path) ?? edit.path;
      switch (edit.action) {
        case 'write': {
          const old = this.nodes.get(path);
          const fresh = node('file', edit.mode ?? old?.mode ?? 0o644, edit.content);
          this.nodes.set(path, { ...fresh, uid: edit.uid ?? old?.uid ?? 0, gid: edit.gid ?? old?.gid ?? 0 });
          break;
        }
        case 'remove':
          for (const key of [...this.nodes.keys()])
            if (key === path || (edit.recursive && key.startsWith(`${path}/`))) this.nodes.delete(key);
          break;
        case 'link':
          this.nodes.set(path, node('symlink', 0o777, undefined, edit.target));
          break;
        case 'directory':
          this.nodes.set(path, { ...node('directory', edit.mode), uid: edit.uid ?? 0, gid: edit.gid ?? 0 });
          break;
      }
    }
  }

  private describe(real: string): TreeStat | null {
    const found = this.nodes.get(real);
    return found
      ? { type: found.type, mode: found.mode, uid: found.uid, gid: found.gid, size: found.content.length }
      : null;
  }

  private parents(path: string) {
    const parts = path.split('/').slice(1, -1);
    let at = '';
    for (const part of parts) {
      at += `/${part}`;
      if (!this.nodes.has(at)) this.nodes.set(at, node('directory', 0o755));
    }
  }

  private resolveParent(path: string): string | null {
    const slash = path.lastIndexOf('/');
    const parent = slash <= 0 ? '/' : this.resolve(path.slice(0, slash));
    return parent === null ? null : `${parent === '/' ? '' : parent}/${path.slice(slash + 1)}`;
  }

  private resolve(path: string, depth = 0): string | null {
    if (depth > 40) return null;
    if (path === '/' || path === '') return '/';
    const real = this.resolveParent(path);
    if (real === null) return null;
    const found = this.nodes.get(real);
    if (found?.type !== 'symlink') return found ? real : null;
    const base = real.slice(0, real.lastIndexOf('/'));
    return this.resolve(found.target.startsWith('/') ? found.target : `${base}/${found.target}`, depth + 1);
  }
}

function node(type: Node['type'], mode: number, content: Buffer = Buffer.alloc(0), target = ''): Node {
  return { type, mode, uid: 0, gid: 0, content, target };
}
