/**
 * Ids are letters, digits and dashes. The command's words are arguments and never read as text. A shell of its own waits
 * for it and writes down how it ended;
 */
export const farStart = `
d=$HOME/.cache/guesthouse/groups/$1; l=$d/$2.log; c=$d/$2.code; f=\${3:-$HOME}
mkdir -p "$d" && chmod 700 "$d" && rm -f "$c" && cd "$f" || exit 0
shift 3
umask 077
s=$(command -v setsid || echo nohup)
"$s" sh -c 'c=$1; shift; "$@"; echo "$?" >"$c"' sh "$c" "$@" </dev/null >>"$l" 2>&1 &
echo "started $! $c"`;
/** With setsid it leads a process group, without it is one process. */
export const farEnd = 'kill -KILL -- "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null; exit 0';
export const farLog = 'tail -n "$3" -- "$HOME/.cache/guesthouse/groups/$1/$2.log" 2>/dev/null; exit 0';
export const farForget =
  'd=$HOME/.cache/guesthouse/groups/$1; if [ -n "$2" ]; then rm -f "$d/$2.log" "$d/$2.code"; else rm -rf "$d"; fi';
