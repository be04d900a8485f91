using Platform.Hosting;

namespace Platform.Mitigation.Bgp;

internal static class BgpModule
{
    public static void AddBgp(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<BgpOptions>(BgpOptions.Section);
        builder.Services.AddSingleton<ReconcilerSeat>();
        builder.Services.AddHostedService<AnnouncementReconciler>();
    }
}
