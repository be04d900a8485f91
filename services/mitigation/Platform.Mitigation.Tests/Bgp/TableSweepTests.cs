using System.Net;
using Platform.Mitigation.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests.Bgp;

/// <summary>A speaker whose table holds the routes of the world is not asked for all of it at each look.</summary>
public sealed class TableSweepTests
{
    private static readonly List<SpeakerRoute> Own = [SpeakerRoute.To(IPNetwork.Parse("203.0.113.7/32"), IPAddress.Parse("192.0.2.1"), [])];

    [Fact]
    public async Task A_small_table_is_read_whole_each_time()
    {
        var (sweep, reads) = (new TableSweep(TimeSpan.FromMinutes(1)), 0);
        for (var look = 0; look < 3; look++)
        {
            Assert.Equal(Own, await sweep.Look(Read));
        }

        Assert.Equal((3, "203.0.113.7/32"), (reads, Assert.Single(sweep.Seen)));

        Task<List<SpeakerRoute>> Read()
        {
            reads++;
            return Task.FromResult(Own);
        }
    }

    [Fact]
    public async Task A_large_one_is_read_beside_the_work_and_then_left_alone()
    {
        var (sweep, table, reads) = (new TableSweep(TimeSpan.FromMilliseconds(1)), new TaskCompletionSource<List<SpeakerRoute>>(), 0);
        for (var look = 0; look < 3; look++)
        {
            Assert.Null(await sweep.Look(Read));
        }

        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken); // so long does it take, and ten times as long it rests
        table.SetResult(Own);
        await Eventually.Get(
            async () =>
            {
                Assert.Null(await sweep.Look(Read)); // what it read is too old to say what is there now
                return sweep.Seen.Count;
            },
            seen => seen == 1,
            what: "what was ours in it");
        Assert.Null(await sweep.Look(Read));

        Assert.Equal(1, reads);

        Task<List<SpeakerRoute>> Read()
        {
            reads++;
            return table.Task;
        }
    }

    [Fact]
    public async Task A_speaker_that_does_not_answer_is_heard_of_at_once_and_asked_again_at_once()
    {
        var sweep = new TableSweep(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<TimeoutException>(() => sweep.Look(() => Task.FromException<List<SpeakerRoute>>(new TimeoutException())));
        Assert.Equal(Own, await sweep.Look(() => Task.FromResult(Own)));
    }
}
