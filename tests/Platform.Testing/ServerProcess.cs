using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Platform.Testing;

/// <summary>A real server as a child process in a session of its own, its output in a file.</summary>
/// <remarks>
/// Ends with us, even when we are killed: the <see cref="Reaper"/> sees our pipe close. After <see cref="LeaveRunning"/> it stays;
/// whoever calls that keeps its id and ends it later.
/// </remarks>
public sealed class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private const int KillSignal = 9;

    private readonly Process _process;
    private readonly string _name;
    private bool _left;

    private ServerProcess(string name, Process process, string logFile)
    {
        _name = name;
        _process = process;
        LogFile = logFile;
    }

    /// <summary>Process id; also the id of the session and of the process group.</summary>
    public int Id => _process.Id;

    /// <summary>Standard output and standard error, appended.</summary>
    public string LogFile { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Signal with which <see cref="DisposeAsync"/> ends it; SIGKILL unless the server has something to tidy up.</summary>
    public int EndSignal { get; init; } = KillSignal;

    /// <summary>Starts a command. <paramref name="environment"/> is added to ours; a null value removes a variable.</summary>
    public static ServerProcess Start(
        string name,
        string logFile,
        IReadOnlyList<string> command,
        IReadOnlyDictionary<string, string?>? environment = null,
        int endSignal = KillSignal)
    {
        // A group of its own keeps the terminal's Ctrl+C away and lets one signal reach grandchildren. Both programs
        // only exec, so the id that we are given is the server's.
        var start = new ProcessStartInfo("setsid", ["sh", "-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", logFile, .. command])
        {
            UseShellExecute = false,
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[key] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start.");
        Reaper.Watch(process.Id);
        return new(name, process, logFile) { EndSignal = endSignal };
    }

    /// <summary>From now on the process no longer ends with us, nor with <see cref="DisposeAsync"/>.</summary>
    public void LeaveRunning()
    {
        _left = true;
        Reaper.Forget(_process.Id);
    }

    /// <summary>Asks the process to end and waits; kills it when it has not ended in time.</summary>
    public async Task Stop(TimeSpan? patience = null, int signal = Terminate)
    {
        Signal(_process.Id, signal);
        using var deadline = new CancellationTokenSource(patience ?? TimeSpan.FromSeconds(10));
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            await Kill();
        }

        Reaper.Forget(_process.Id);
    }

    /// <summary>kill -9, and waits until the process is gone: what a power cut leaves behind.</summary>
    public async Task Kill()
    {
        Signal(-_process.Id, KillSignal);
        await _process.WaitForExitAsync();
        Reaper.Forget(_process.Id);
    }

    /// <summary>Waits for its end and gives back the exit code; kills it and gives back null when it has not ended in time.</summary>
    public async Task<int?> Ended(TimeSpan patience)
    {
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
            Reaper.Forget(_process.Id);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            await Kill();
            return null;
        }
    }

    /// <summary>Waits until the probe answers true; throws with the end of the log when the process dies or time runs out.</summary>
    public async Task Ready(Func<CancellationToken, Task<bool>> probe, TimeSpan patience)
    {
        var since = Stopwatch.StartNew();
        while (!_process.HasExited && since.Elapsed < patience)
        {
            using var attempt = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            try
            {
                if (await probe(attempt.Token))
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (attempt.IsCancellationRequested)
            {
                // It is there and slow: not ready yet.
            }

            await Task.Delay(25, CancellationToken.None);
        }

        var why = _process.HasExited ? $"ended with {_process.ExitCode}" : $"was not ready after {patience.TotalSeconds:0} s";
        throw new ServerException($"{_name} {why}. The end of {LogFile}:\n{LogTail()}");
    }

    /// <summary>The last lines of the log.</summary>
    public string LogTail(int lines = 30) =>
        File.Exists(LogFile) ? string.Join('\n', File.ReadLines(LogFile).TakeLast(lines)) : "(no output)";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited && !_left)
        {
            await (EndSignal == KillSignal ? Kill() : Stop(signal: EndSignal));
        }

        _process.Dispose();
    }

    /// <summary>Sends a signal to a process, or to a process group when the id is negative. One that is gone is no error.</summary>
    public static void Signal(int processId, int signal)
    {
        const int noSuchProcess = 3;
        if (SendSignal(processId, signal) != 0 && Marshal.GetLastPInvokeError() is var error and not noSuchProcess)
        {
            throw new Win32Exception(error);
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SendSignal(int processId, int signal);
}

/// <summary>A server that did not come up; the message holds the end of its log.</summary>
public sealed class ServerException(string message) : Exception(message);
