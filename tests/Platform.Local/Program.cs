using System.Diagnostics;
using System.Runtime.InteropServices;
using Platform.Local;
using Platform.Local.Demo;
using Platform.Testing;

// The running stack, for ./platform. Verbs: demo, up, down, status, logs, servers.
try
{
    return args switch
    {
        ["demo", .. var options] => await RunDemo(once: options.Contains("--once"), [.. options.Where(option => option != "--once")]),
        ["up", .. var options] => await Up(options),
        ["down"] => await Down(),
        ["status"] => Status(),
        ["logs", var name] => Logs(name, follow: false),
        ["logs", var name, "--follow"] => Logs(name, follow: true),
        ["servers"] => await Servers(),
        _ => Usage(),
    };
}
catch (Exception e) when (e is LocalStackException or ServerException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// A stack of its own beside whatever runs: its ports are free ones, its data is temporary, and it ends with us.
static async Task<int> RunDemo(bool once, string[] options)
{
    RemoveInterruptedDemos();
    var folder = Repository.Path(".run", $"demo-{Environment.ProcessId}");
    Directory.CreateDirectory(folder);
    var since = Stopwatch.StartNew();
    try
    {
        await using var stack = await LocalStack.Start(
            new() { Folder = folder, Ports = PortOptions.Parse(options) },
            step => Console.WriteLine($"{since.Elapsed.TotalSeconds,8:0.00} s  {step}"));
        Console.WriteLine($"{since.Elapsed.TotalSeconds,8:0.00} s  everything runs; from here on the time counts anew");
        using var demo = new DemoRun(stack, Console.Out);
        var result = await demo.Run();
        if (!once)
        {
            demo.ShowDoors();
            Console.WriteLine("Running until Ctrl-C.");
            await UntilInterrupted();
        }

        Console.WriteLine(result.ToJson());
    }
    catch (Exception e)
    {
        throw new LocalStackException($"{e.Message}\nLogs: {folder}/logs", e);
    }

    Directory.Delete(folder, recursive: true);
    return 0;
}

// One that was killed left its logs and keys; its processes and data ended with it.
static void RemoveInterruptedDemos()
{
    foreach (var folder in Directory.EnumerateDirectories(Directory.CreateDirectory(Repository.Path(".run")).FullName, "demo-*"))
    {
        if (int.TryParse(Path.GetFileName(folder)["demo-".Length..], out var process) && !Directory.Exists($"/proc/{process}"))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

static async Task UntilInterrupted()
{
    var interrupted = new TaskCompletionSource();
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    await interrupted.Task;

    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        interrupted.TrySetResult();
    }
}

static async Task<int> Up(string[] options)
{
    if (RunningStack.Read() is { IsRunning: true } running)
    {
        throw new LocalStackException($"Already running: {running.Portal} (./platform status). Stop it first with ./platform down.");
    }

    if (Directory.Exists(RunningStack.Folder))
    {
        Directory.Delete(RunningStack.Folder, recursive: true); // logs and secrets of an earlier run
    }

    Directory.CreateDirectory(RunningStack.Folder);
    var since = Stopwatch.StartNew();
    await using var stack = await LocalStack.Start(
        new() { Folder = RunningStack.Folder, Ports = PortOptions.Parse(options) },
        step => Console.WriteLine($"{since.Elapsed.TotalSeconds,6:0.0} s  {step}"));
    RunningStack.Of(stack).Save();
    stack.LeaveRunning();
    Console.WriteLine($"{since.Elapsed.TotalSeconds,6:0.0} s  ready");
    return Status();
}

static async Task<int> Down()
{
    if (RunningStack.Read() is not { } running)
    {
        Console.WriteLine("Nothing is running.");
        return 0;
    }

    await running.End();
    Console.WriteLine("Stopped.");
    return 0;
}

static int Status()
{
    if (RunningStack.Read() is not { } running)
    {
        Console.WriteLine("Nothing is running. Start with ./platform up.");
        return 3; // as LSB says for a program that is not running
    }

    foreach (var part in running.Parts)
    {
        Console.WriteLine($"{part.Name,-16}{(part.IsRunning ? "running" : "ended"),-10}process {part.ProcessId,-9}{part.LogFile}");
    }

    Console.WriteLine($"portal          {running.Portal}  sign in as {running.Email} with {running.Password}");
    Console.WriteLine($"flows           udp://127.0.0.1:{running.Ports["flows"]}");
    return running.Parts.All(part => part.IsRunning) ? 0 : 1;
}

static int Logs(string name, bool follow)
{
    var running = RunningStack.Read() ?? throw new LocalStackException("Nothing is running.");
    var part = running.Parts.FirstOrDefault(part => part.Name == name)
        ?? throw new LocalStackException($"There is no {name}. There are: {string.Join(", ", running.Parts.Select(part => part.Name))}.");
    using var tail = Process.Start("tail", ["-n", follow ? "50" : "+1", .. follow ? ["-f"] : Array.Empty<string>(), part.LogFile]);
    tail.WaitForExit();
    return tail.ExitCode;
}

// For ./platform test: one PostgreSQL and one RabbitMQ for all suites, until our input ends.
static async Task<int> Servers()
{
    await using var postgres = PostgresServer.Own();
    await using var rabbit = RabbitMqServer.Own();
    await Task.WhenAll(postgres.InitializeAsync().AsTask(), rabbit.InitializeAsync().AsTask());
    Console.WriteLine($"PLATFORM_TEST_POSTGRES={postgres.ConnectionString}");
    Console.WriteLine($"PLATFORM_TEST_RABBITMQ={rabbit.Address}");
    Console.WriteLine("ready");
    await Console.In.ReadToEndAsync();
    return 0;
}

static int Usage()
{
    Console.Error.WriteLine("demo [--once] [--port NAME=NUMBER]... | up [--port NAME=NUMBER]... | down | status | logs NAME [--follow] | servers");
    return 2;
}
