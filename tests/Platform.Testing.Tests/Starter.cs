using System.Runtime.CompilerServices;

namespace Platform.Testing.Tests;

/// <summary>What this program does when <see cref="ServerProcessTests"/> and <see cref="LoopbackTests"/> start it once more in order to kill it.</summary>
internal static class Starter
{
    public const string Argument = "--start-a-server-and-wait";
    public const string PortsArgument = "--take-ports-and-wait";
    public const int Ports = 1_000;

#pragma warning disable CA2255 // The test runner generates Main; this is the only way in before it.
    [ModuleInitializer]
    public static void Run()
    {
        switch (Environment.GetCommandLineArgs())
        {
            case var it when it.Contains(Argument):
                var folder = new TemporaryFolder("starter");
                var server = ServerProcess.Start("sleep", folder.File("log"), ["sleep", "600"]);
                Console.WriteLine($"{server.Id} {folder.FullName}");
                break;
            case var it when it.Contains(PortsArgument):
                Console.WriteLine(string.Join(' ', Enumerable.Range(0, Ports).Select(_ => Loopback.FreePort())));
                break;
            default:
                return;
        }

        Console.Out.Flush();
        using var never = new ManualResetEventSlim();
        never.Wait();
    }
#pragma warning restore CA2255
}
