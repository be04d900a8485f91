using Platform.Detection.Learning;

namespace Platform.Detection.Tests.Learning;

public sealed class HoursOfWeekTests
{
    [Theory, Trait("Requirement", "R5")]
    [InlineData("Asia/Tokyo", 6)]
    [InlineData("Japan", 6)]
    [InlineData("Asia/Seoul", 2)]
    [InlineData("UTC+09", 2)]
    public void A_Japanese_holiday_is_a_Sunday_wherever_the_zone_is_Japan_by_any_of_its_names(string zone, int day)
    {
        var noon = new DateTimeOffset(2026, 2, 11, 12, 0, 0, TimeSpan.FromHours(9)); // a Wednesday, and the day of the foundation
        Assert.Equal((day * 24) + 12, HoursOfWeek.Find(zone)!.Of(noon.ToUnixTimeSeconds()));
    }
}
