using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Erasures;
using Platform.Mitigation.KnownContracts;
using Platform.Mitigation.Mitigations;

var builder = WebApplication.CreateBuilder(args);

builder.AddPlatform("mitigation");
builder.AddEventStore(MitigationModule.Events);
builder.AddMessaging("mitigation", bus =>
{
    bus.AddConsumer<WhenContractSigned>();
    bus.AddConsumer<WhenContractChanged>();
    bus.AddConsumer<WhenContractTerminated>();
    bus.AddConsumer<WhenAnomalyDetected>();
    bus.AddConsumer<WhenAnomalyEnded>();
    bus.AddConsumer<WhenErasureDue>();
});
builder.AddMitigations();
builder.AddBgp();
builder.AddErasures();
builder.Services.AddGrpc();

var app = builder.Build();

app.MapPlatform();
app.MapGrpcService<MitigationsService>();

return await app.RunPlatformAsync(args);
