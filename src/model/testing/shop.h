// The shop: the application that tests of every room use.
#pragma once

#include "model/application.h"

namespace leeward::model::testing {

inline Application Shop() {
  using base::Duration;
  Application shop;
  shop.name = ApplicationName("shop");
  shop.regions = {Region("us-east-1"), Region("us-west-2"), Region("eu-west-1")};
  shop.objectives = {Duration(std::chrono::minutes(15)), Duration(std::chrono::seconds(5))};
  Rds orders;
  orders.instance = "orders";
  orders.database = orders.user = "shop";
  orders.password_env = "SHOP_DB_PASSWORD";
  orders.security_group = "orders-db";
  Ecs web;
  web.cluster = "shop";
  web.service = "web";
  web.standby = 1;
  web.active = 3;
  web.environment["SHOP_DB_HOST"] = ComponentName("orders");
  web.load_balancer = web.target_group = "shop";
  web.port = 8080;
  web.health_path = "/health";
  Route53 traffic;
  traffic.name = "shop.example.test";
  traffic.control_panel = traffic.load_balancer = "shop";
  traffic.health_path = "/health";
  traffic.port = 8080;
  traffic.ttl = std::chrono::seconds(1);
  shop.components = {{ComponentName("orders"), orders, {}},
                     {ComponentName("web"), web, {ComponentName("orders")}},
                     {ComponentName("traffic"), traffic, {ComponentName("web")}}};
  shop.detection = {std::chrono::milliseconds(500), std::chrono::milliseconds(500), 3, 2};
  shop.failover = {FailoverMode::kAutomatic, OverRpo::kAsk, std::chrono::seconds(2)};
  return shop;
}

// The same with carts in a global table and sessions in a Global Datastore.
inline Application ShopOfThreeStores() {
  Application shop = Shop();
  Dynamodb carts;
  carts.table = "carts";
  Elasticache sessions;
  sessions.replication_group = sessions.datastore = "sessions";
  shop.components.insert(shop.components.begin() + 1, {{ComponentName("carts"), carts, {}},
                                                       {ComponentName("sessions"), sessions, {}}});
  Component& web = shop.components[3];
  std::get<Ecs>(web.kind).environment["SHOP_CARTS_TABLE"] = ComponentName("carts");
  std::get<Ecs>(web.kind).environment["SHOP_REDIS_HOST"] = ComponentName("sessions");
  web.needs.insert(web.needs.end(), {ComponentName("carts"), ComponentName("sessions")});
  return shop;
}

// The shop with uploads in a file system too, of the kind `Kind`.
template <typename Kind = Efs>
Application ShopWithFiles() {
  Application shop = Shop();
  Kind uploads;
  uploads.file_system = "uploads";
  shop.components.insert(shop.components.begin() + 1, {ComponentName("uploads"), uploads, {}});
  shop.components[2].needs.emplace_back("uploads");
  return shop;
}

// The shop with disks in EBS volumes too.
inline Application ShopWithDisks() {
  Application shop = Shop();
  Ebs disks;
  disks.tag = "leeward:volumes=disks";
  disks.every = std::chrono::minutes(5);
  shop.components.insert(shop.components.begin() + 1, {ComponentName("disks"), disks, {}});
  return shop;
}

// The shop with the database's password in a secret too.
inline Application ShopWithSecret() {
  Application shop = Shop();
  Secret login;
  login.secret = "shop/login";
  shop.components.insert(shop.components.begin() + 1, {ComponentName("login"), login, {}});
  return shop;
}

// The shop with pictures in a bucket in each Region, which its service writes.
inline Application ShopWithBuckets() {
  Application shop = Shop();
  S3 pictures;
  pictures.home_bucket = "shop-pictures-east";
  pictures.recovery_bucket = "shop-pictures-west";
  pictures.role = "arn:aws:iam::123456789012:role/shop-copier";
  Component component{ComponentName("pictures"), pictures, {}};
  component.rpo = std::chrono::minutes(15);
  shop.components.insert(shop.components.begin() + 1, std::move(component));
  for (Component& one : shop.components) {
    if (std::holds_alternative<Ecs>(one.kind)) one.needs.emplace_back("pictures");
  }
  return shop;
}

}  // namespace leeward::model::testing
