using Platform.Hosting;
using Platform.Scrubber.Filters;

namespace Platform.Scrubber;

/// <summary>Everything that the agent is made of.</summary>
internal static class ScrubberModule
{
    public static void AddScrubber(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<ScrubberOptions>(ScrubberOptions.Section);
        builder.Services.AddSingleton<NodeCommands>();
        builder.Services.AddSingleton<NftTable>();
        builder.Services.AddSingleton<ReturnRoutes>();
        builder.Services.AddHostedService<FilterKeeper>();
    }
}
