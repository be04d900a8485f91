using System.Text.Json;
using Platform.Testing;

namespace Platform.Local;

/// <summary>What is known of a stack that <c>up</c> left running: enough to show, read and end it. Kept in <c>.run/up/stack.json</c>.</summary>
internal sealed record RunningStack(
    IReadOnlyList<RunningStack.Part> Parts, IReadOnlyDictionary<string, int> Ports, string DataFolder, string Portal, string Email, string Password)
{
    /// <summary>One process. Id and start time together name it, even after the id was used again.</summary>
    public sealed record Part(string Name, int ProcessId, long StartedAt, string LogFile)
    {
        public bool IsRunning => StartTimeOf(ProcessId) == StartedAt;
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string Folder { get; } = Repository.Path(".run", "up");

    private static string StateFile { get; } = Path.Combine(Folder, "stack.json");

    public bool IsRunning => Parts.Any(part => part.IsRunning);

    public static RunningStack? Read() =>
        File.Exists(StateFile) ? JsonSerializer.Deserialize<RunningStack>(File.ReadAllText(StateFile)) : null;

    public static RunningStack Of(LocalStack stack) => new(
        [.. stack.Processes().Select(p => new Part(p.Name, p.ProcessId, StartTimeOf(p.ProcessId) ?? 0, p.LogFile))],
        stack.Ports.Chosen,
        stack.DataFolder,
        stack.Gateway.ToString(),
        stack.FirstOperator.Email,
        stack.FirstOperator.Password);

    public void Save()
    {
        File.WriteAllText(StateFile, JsonSerializer.Serialize(this, Indented));
        File.SetUnixFileMode(StateFile, UnixFileMode.UserRead | UnixFileMode.UserWrite); // holds a password
    }

    /// <summary>Ends the services, then the servers, each in order and by force after 15 s; removes data and state.</summary>
    public async Task End()
    {
        const int terminate = 15, interrupt = 2, kill = 9;
        foreach (var part in Parts.Reverse().Where(part => part.IsRunning))
        {
            ServerProcess.Signal(part.ProcessId, part.Name == "postgres" ? interrupt : terminate);
        }

        for (var attempt = 0; attempt < 150 && IsRunning; attempt++)
        {
            await Task.Delay(100);
        }

        foreach (var part in Parts.Where(part => part.IsRunning))
        {
            ServerProcess.Signal(-part.ProcessId, kill);
        }

        if (Directory.Exists(DataFolder))
        {
            Directory.Delete(DataFolder, recursive: true);
        }

        File.Delete(StateFile);
    }

    private static long? StartTimeOf(int processId)
    {
        try
        {
            // Fields after the name, which stands in parentheses: state is the first, the start time (clock ticks since boot) the 20th.
            var fields = File.ReadAllText($"/proc/{processId}/stat").Split(") ")[^1].Split(' ');
            return fields[0] is "Z" ? null : long.Parse(fields[19], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
