using Xunit.Sdk;

namespace Platform.Testing.Tests;

public sealed class EventuallyTests
{
    [Fact]
    public async Task It_looks_again_until_the_condition_holds()
    {
        var looks = 0;

        Assert.Equal(3, await Eventually.Get(() => ++looks, seen => seen == 3));
    }

    [Fact]
    public async Task An_observation_that_throws_is_not_yet_there()
    {
        var looks = 0;

        await Eventually.Equal(2, () => ++looks < 2 ? throw new IOException("not yet") : looks);
    }

    [Fact]
    public async Task The_failure_shows_what_was_awaited_and_what_was_seen_last()
    {
        var failure = await Assert.ThrowsAsync<XunitException>(
            () => Eventually.Get(() => (int[])[1, 2], seen => seen.Length == 3, TimeSpan.FromMilliseconds(50), "three numbers"));

        Assert.Equal("Waited 0.1 s for three numbers. Last seen: [1, 2]", failure.Message);
    }
}
