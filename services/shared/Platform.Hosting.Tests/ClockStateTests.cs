using System.Diagnostics.Metrics;

namespace Platform.Hosting.Tests;

/// <summary>What the kernel says of its clock, in events and in metrics: an operator hears of one that nobody synchronises.</summary>
[Trait("Requirement", "R38")]
[Trait("Requirement", "R174")]
public sealed class ClockStateTests
{
    [Theory]
    [InlineData(0, 12_345, 480, 0x2001, "synchronised offset=12us maxerror=480us")] // in nanoseconds
    [InlineData(0, -12, 480, 0x0001, "synchronised offset=-12us maxerror=480us")]
    [InlineData(1, 0, 900_000, 0x0001, "synchronised offset=0us maxerror=900000us")] // a leap second is coming
    [InlineData(5, 0, 16_000_000, 0x0040, "unsynchronised")]
    [InlineData(-1, 0, 0, 0, "unsynchronised")] // the kernel did not say
    public void An_event_says_how_its_clock_stood(int state, long offset, long most, long status, string says) =>
        Assert.Equal(says, ClockState.Describe(ClockState.Of(state, [0, offset, 0, most, 0, status])));

    [Fact]
    public void A_scraper_reads_the_same()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux says it.");
        ClockState.Measure();
        ClockState.Measure(); // another host in the same process
        var read = new List<(string Name, double Value)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, it) =>
            {
                if (instrument.Meter.Name == "Platform.Clock")
                {
                    it.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => read.Add((instrument.Name, value)));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => read.Add((instrument.Name, value)));
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.Equal(["platform.clock.error", "platform.clock.synchronised"], read.Select(one => one.Name).Order());
        Assert.Equal(ClockState.Now()!.StartsWith("synchronised", StringComparison.Ordinal), read.Single(one => one.Name == "platform.clock.synchronised").Value == 1);
        Assert.InRange(read.Single(one => one.Name == "platform.clock.error").Value, 0, 100);
    }
}
