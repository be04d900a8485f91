using Platform.Reporting.Incidents;

namespace Platform.Reporting.Tests.Incidents;

public sealed class PageTokenTests
{
    [Fact]
    public void A_token_leads_back_to_where_the_page_ended()
    {
        var token = new PageToken(AnIncident.Noon.AddTicks(7), AnIncident.Id);

        Assert.True(PageToken.TryParse(token.ToString(), out var parsed));
        Assert.Equal(token, parsed);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("not base64!")]
    [InlineData("AAAA")]
    [InlineData("__________________________________8")]
    public void What_was_not_given_out_here_is_refused(string text) => Assert.False(PageToken.TryParse(text, out _));
}
