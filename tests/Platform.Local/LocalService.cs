using System.Net;
using Platform.Testing;

namespace Platform.Local;

/// <summary>One service of the running stack, as a process.</summary>
public sealed class LocalService(
    string name, string logFile, int healthPort, IReadOnlyDictionary<string, string?> environment, HttpClient http)
    : IAsyncDisposable
{
    private ServerProcess? _process;

    /// <summary>Lower case, for example <c>mitigation</c>.</summary>
    public string Name => name;

    public string LogFile => logFile;

    public int ProcessId => Process.Id;

    /// <summary>Health and metrics.</summary>
    public Uri Health { get; } = new($"http://127.0.0.1:{healthPort}");

    private ServerProcess Process => _process ?? throw new InvalidOperationException($"{name} was not started.");

    /// <summary>Brings the service's database and queues to the version of its program.</summary>
    public async Task Migrate()
    {
        var log = Path.ChangeExtension(logFile, ".migrate.log");
        await using var migration = ServerProcess.Start($"{name} migrate", log, [Program, "migrate"], environment);
        if (await migration.Ended(TimeSpan.FromMinutes(2)) is not 0)
        {
            throw new LocalStackException($"{name} migrate failed:\n{migration.LogTail()}");
        }
    }

    /// <summary>Starts the process; again after <see cref="Kill"/> or <see cref="Stop"/>, with the same settings and ports.</summary>
    public void Start() => _process = ServerProcess.Start(name, logFile, [Program], environment);

    /// <summary>Waits until the service says that it and what it needs are there.</summary>
    public Task Ready(TimeSpan? within = null) => Process.Ready(IsReady, within ?? TimeSpan.FromSeconds(60));

    /// <summary>Ends it in order.</summary>
    public Task Stop() => Process.Stop(TimeSpan.FromSeconds(30));

    /// <summary>kill -9.</summary>
    public Task Kill() => Process.Kill();

    /// <summary>From now on the service stays when this process ends.</summary>
    public void LeaveRunning() => Process.LeaveRunning();

    /// <summary>The metrics of the service, as text.</summary>
    public Task<string> Metrics() => http.GetStringAsync(new Uri(Health, "/metrics"));

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    /// <summary>Folder of a service's program, built in the same configuration as this one.</summary>
    public static string ProgramFolder(string service) =>
        Repository.Path("artifacts", "bin", ProjectOf(service), Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)));

    private static string ProjectOf(string service) => $"Platform.{char.ToUpperInvariant(service[0])}{service[1..]}";

    private string Program => Path.Combine(ProgramFolder(name), ProjectOf(name));

    private async Task<bool> IsReady(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(Health, "/healthz/ready"), cancellationToken);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
