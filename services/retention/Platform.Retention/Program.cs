using Platform.Hosting;
using Platform.Retention;
using Platform.Retention.Erasures;
using Platform.Retention.Residual;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("retention"); // telemetry, health, callers, clock
builder.AddRetention();
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<ErasuresService>();
app.MapGrpcService<ResidualService>();
return await app.RunPlatformAsync(args);
