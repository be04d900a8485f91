using System.Diagnostics;
using System.Globalization;

namespace Platform.Testing.Tests;

public sealed class LoopbackTests
{
    [Fact]
    public async Task A_port_that_was_chosen_is_nobody_elses_before_a_server_binds_it_and_is_free_again_after_its_owner_was_killed()
    {
        // Of 22,000 there are: two that each choose this many would meet about 45 times.
        var token = TestContext.Current.CancellationToken;
        int[] theirs;
        using var other = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Starter.PortsArgument) { RedirectStandardOutput = true })!;
        try
        {
            theirs = [.. (await other.StandardOutput.ReadLineAsync(token))!.Split(' ').Select(it => int.Parse(it, CultureInfo.InvariantCulture))];
            Assert.Equal(Starter.Ports, theirs.Distinct().Count());

            Assert.Empty(Enumerable.Range(0, Starter.Ports).Select(_ => Loopback.FreePort()).Intersect(theirs));
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync(CancellationToken.None);
        }

        Assert.NotEmpty(Enumerable.Range(0, 500).Select(_ => Loopback.FreePort()).Intersect(theirs));
    }
}
