using System.Diagnostics;

namespace Platform.Testing.Tests;

public sealed class ServerProcessTests
{
    [Fact]
    public async Task A_server_that_ends_at_once_says_why()
    {
        using var folder = new TemporaryFolder("process");
        await using var process = ServerProcess.Start("lamp", folder.File("log"), ["sh", "-c", "echo no oil; exit 3"]);

        var failure = await Assert.ThrowsAsync<ServerException>(() => process.Ready(_ => Task.FromResult(false), TimeSpan.FromSeconds(10)));

        Assert.Contains("lamp ended with 3", failure.Message, StringComparison.Ordinal);
        Assert.Contains("no oil", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_kill_takes_the_grandchildren_too()
    {
        using var folder = new TemporaryFolder("process");
        await using var process = ServerProcess.Start("parent", folder.File("log"), ["sh", "-c", "sleep 600 & echo $!; wait"]);
        var grandchild = await Eventually.Get(() => File.ReadAllTextAsync(process.LogFile), text => text.EndsWith('\n'));

        await process.Kill();

        await Eventually.True(() => !IsRunning(int.Parse(grandchild, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Servers_and_folders_are_gone_after_their_starter_was_killed()
    {
        // This very program again, as the one that is killed: it starts a server in a folder, says so, and waits.
        using var starter = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Starter.Argument) { RedirectStandardOutput = true })!;
        var line = await starter.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        var (server, folder) = (int.Parse(line!.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture), line.Split(' ')[1]);
        Assert.True(IsRunning(server));
        Assert.True(Directory.Exists(folder));

        starter.Kill();

        await Eventually.True(() => !IsRunning(server), what: "the server's end");
        await Eventually.True(() => !Directory.Exists(folder), what: "the folder's end");
    }

    private static bool IsRunning(int id) =>
        File.Exists($"/proc/{id}/stat") && !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
}
