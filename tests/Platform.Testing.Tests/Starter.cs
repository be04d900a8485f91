using System.Runtime.CompilerServices;

namespace Platform.Testing.Tests;

/// <summary>What this program does when <see cref="ServerProcessTests"/> starts it once more in order to kill it.</summary>
internal static class Starter
{
    public const string Argument = "--start-a-server-and-wait";

#pragma warning disable CA2255 // The test runner generates Main; this is the only way in before it.
    [ModuleInitializer]
    public static void Run()
    {
        if (!Environment.GetCommandLineArgs().Contains(Argument))
        {
            return;
        }

        var folder = new TemporaryFolder("starter");
        var server = ServerProcess.Start("sleep", folder.File("log"), ["sleep", "600"]);
        Console.WriteLine($"{server.Id} {folder.FullName}");
        Console.Out.Flush();
        using var never = new ManualResetEventSlim();
        never.Wait();
    }
#pragma warning restore CA2255
}
