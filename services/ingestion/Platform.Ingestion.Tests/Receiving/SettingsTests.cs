using System.ComponentModel.DataAnnotations;
using Platform.Ingestion.Receiving;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Receiving;

public sealed class SettingsTests
{
    [Fact]
    public void What_is_set_by_default_is_allowed()
    {
        Assert.Empty(Failures(new FlowsOptions()));
        Assert.Empty(Failures(new WindowOptions()));
    }

    [Theory]
    [InlineData("2055")]
    [InlineData("router.example:2055")]
    [InlineData("127.0.0.1:0")]
    [InlineData("127.0.0.1:70000")]
    public void A_listener_that_is_no_address_and_port_is_refused(string listen) =>
        Assert.Equal(["Listen"], Failures(new FlowsOptions { Listen = listen }));

    [Fact]
    public void Values_outside_their_ranges_are_refused()
    {
        Assert.Equal(["Receivers"], Failures(new FlowsOptions { Receivers = 65 }));
        Assert.Equal(["BufferBytes"], Failures(new FlowsOptions { BufferBytes = 1 }));
        Assert.Equal(["SilentAfter"], Failures(new FlowsOptions { SilentAfter = TimeSpan.Zero }));
        Assert.Equal(["ReachSeconds"], Failures(new WindowOptions { ReachSeconds = 121 }));
        Assert.Equal(["SendEveryMilliseconds"], Failures(new WindowOptions { SendEveryMilliseconds = 99 }));
        Assert.Equal(["RowLimit"], Failures(new WindowOptions { RowLimit = 999 }));
        Assert.Equal(["KeepFor"], Failures(new WindowOptions { KeepFor = TimeSpan.FromSeconds(121) }));
    }

    private static List<string> Failures(object options)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        return [.. results.SelectMany(result => result.MemberNames)];
    }
}
