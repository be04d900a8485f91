using System.Diagnostics;

namespace Platform.Testing;

/// <summary>A small shell that outlives us by one moment: when our end of its pipe closes, it ends what we left and removes it.</summary>
/// <remarks>
/// The kernel's parent-death signal does not do: it fires when the starting <em>thread</em> ends, and thread-pool threads come and go.
/// </remarks>
internal static class Reaper
{
    private const string Script =
        """
        trap '' INT TERM HUP
        set -f
        IFS='
        '
        processes=; folders=
        without() { for one in $2; do [ "$one" = "$1" ] || printf '%s\n' "$one"; done; }
        while IFS=' ' read -r verb what; do
          case $verb in
            watch) processes="$processes$IFS$what" ;;
            remove) folders="$folders$IFS$what" ;;
            forget)
              processes=$(without "$what" "$processes")
              folders=$(without "$what" "$folders") ;;
          esac
        done
        for p in $processes; do kill -s KILL -- "-$p"; done
        for f in $folders; do rm -rf "$f" || { sleep 1; rm -rf "$f"; }; done
        """;

    private static readonly Lock Gate = new();
    private static Process? _shell;

    public static void Watch(int processId) => Tell($"watch {processId}");

    public static void Forget(int processId) => Tell($"forget {processId}");

    public static void Forget(string folder) => Tell($"forget {folder}");

    public static void Remove(string folder) => Tell($"remove {folder}");

    private static void Tell(string line)
    {
        lock (Gate)
        {
            _shell ??= Start();
            _shell.StandardInput.WriteLine(line);
            _shell.StandardInput.Flush();
        }
    }

    private static Process Start() =>
        Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", "exec >/dev/null 2>&1\n" + Script])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
        }) ?? throw new InvalidOperationException("setsid did not start.");
}
