namespace Platform.Testing.Tests;

public sealed class ManualTimeProviderTests
{
    private readonly ManualTimeProvider _clock = new();

    [Fact]
    public void Time_stands_until_it_is_moved()
    {
        var before = _clock.GetUtcNow();

        _clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(before.AddMinutes(5), _clock.GetUtcNow());
    }

    [Fact]
    public async Task A_delay_ends_when_its_time_has_come_and_not_before()
    {
        var delay = Task.Delay(TimeSpan.FromSeconds(10), _clock, TestContext.Current.CancellationToken);

        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False(delay.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));

        await delay;
        Assert.Equal(0, _clock.ArmedTimers);
    }

    [Fact]
    public void A_periodic_timer_fires_at_each_of_its_instants_even_in_one_move()
    {
        List<DateTimeOffset> fired = [];
        using var timer = _clock.CreateTimer(_ => fired.Add(_clock.GetUtcNow()), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        var start = _clock.GetUtcNow();

        _clock.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal([start.AddSeconds(1), start.AddSeconds(3), start.AddSeconds(5)], fired);
    }

    [Fact]
    public void Timers_fire_in_the_order_of_their_instants()
    {
        List<string> fired = [];
        using var late = _clock.CreateTimer(_ => fired.Add("late"), null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
        using var early = _clock.CreateTimer(_ => fired.Add("early"), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);

        _clock.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(["early", "late"], fired);
    }

    [Fact]
    public void A_disposed_timer_does_not_fire()
    {
        var timer = _clock.CreateTimer(_ => Assert.Fail("fired"), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        timer.Dispose();

        _clock.Advance(TimeSpan.FromMinutes(1));
    }
}
