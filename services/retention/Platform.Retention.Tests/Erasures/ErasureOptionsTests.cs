using System.ComponentModel.DataAnnotations;
using Platform.Retention.Erasures;

namespace Platform.Retention.Tests.Erasures;

public sealed class ErasureOptionsTests
{
    [Fact]
    public void The_defaults_are_in_range_and_name_all_five_owners()
    {
        Assert.Empty(Faults(new()));
        Assert.Equal(["accounts", "detection", "mitigation", "notifications", "reporting"], new ErasureOptions().OwnerNames);
    }

    [Fact]
    public void Owners_are_read_each_once_whatever_the_blanks() =>
        Assert.Equal(["a", "b"], new ErasureOptions { Owners = " b, a ,,b" }.OwnerNames);

    [Theory]
    [InlineData(nameof(ErasureOptions.Owners), " , ", "00:00:01", "00:01:00", "01:00:00")]
    [InlineData(nameof(ErasureOptions.CheckInterval), "a", "00:00:00", "00:01:00", "01:00:00")]
    [InlineData(nameof(ErasureOptions.RepeatAfter), "a", "00:00:01", "00:00:00", "01:00:00")]
    [InlineData(nameof(ErasureOptions.RepeatAtMost), "a", "00:00:01", "00:01:00", "2.00:00:00")]
    [InlineData(nameof(ErasureOptions.RepeatAtMost), "a", "00:00:01", "00:01:00", "00:00:30")]
    public void A_value_out_of_range_is_named(string member, string owners, string check, string repeatAfter, string repeatAtMost)
    {
        var options = new ErasureOptions
        {
            Owners = owners,
            CheckInterval = Span(check),
            RepeatAfter = Span(repeatAfter),
            RepeatAtMost = Span(repeatAtMost),
        };

        Assert.Contains(Faults(options), fault => fault.MemberNames.Contains(member));
    }

    private static List<ValidationResult> Faults(ErasureOptions options)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), faults, validateAllProperties: true);
        return faults;
    }

    private static TimeSpan Span(string text) => TimeSpan.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
